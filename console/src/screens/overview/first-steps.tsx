// Nothing was set up from here yet: the three steps, and where they begin.
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { Panel } from '../../parts/page.tsx';
import css from './overview.module.css';

export function FirstSteps() {
  const mayWrite = useMay('config.write');
  return (
    <Panel label="First steps">
      <div className={css['first']}>
        <h2>Mutual TLS to a backend, in three steps</h2>
        <ol className={css['steps']}>
          <li>
            <b>Certificates.</b> The gateway needs one to show to the backend, and the CA that it trusts. Bring your
            own, or make a test CA and three certificates here: their keys are made in this browser.
          </li>
          <li>
            <b>A service.</b> Where the backend is, which certificate we show it, which CA and name we check. It is
            probed before it is saved.
          </li>
          <li>
            <b>A route.</b> Which requests go to it. Then send a test request and see both handshakes, step by step.
          </li>
        </ol>
        {mayWrite ? (
          <div className={css['buttons']}>
            <Go to="/start" kind="primary">
              Create a test CA and three certificates
            </Go>
            <Go to="/certificates/new" kind="plain">
              Add my own certificate
            </Go>
          </div>
        ) : (
          <p>An operator or administrator can begin.</p>
        )}
      </div>
    </Panel>
  );
}
