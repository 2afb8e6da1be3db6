// What the control process asks its primary, and the answers matched to the questions. Each wait ends.
import type { Clock } from '../base/clock.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { ApiProblem, type ApiProblemCode } from './api-problem.ts';
import type { ConfigView } from './view.ts';
import type { FromControl, NoAnswer, Question, Questions, ToControl, Topic } from './messages.ts';

/** A probe of several addresses takes the longest. */
const answerMs = 30_000;
const maxOpen = 64;

const codes: Readonly<Record<Exclude<NoAnswer['code'], 'store'>, ApiProblemCode>> = {
  invalid: 'invalid',
  absent: 'not_found',
  busy: 'too_many',
  internal: 'internal',
};

type Waiting = { readonly resolve: (answer: unknown) => void; readonly reject: (problem: Error) => void };

export class PrimaryLine {
  readonly #send: (message: FromControl) => void;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #waiting = new Map<number, Waiting>();
  #questions = 0;
  #view: ConfigView | undefined;

  constructor(send: (message: FromControl) => void, clock: Pick<Clock, 'after'>) {
    this.#send = send;
    this.#clock = clock;
  }

  async ask<T extends Topic>(topic: T, asked: Questions[T]['asked']): Promise<Questions[T]['answer']> {
    if (this.#waiting.size >= maxOpen) throw new ApiProblem('too_many', 'Too much is asked at once: try again.');
    const id = ++this.#questions;
    const cancel = this.#clock.after(answerMs, () =>
      this.#waiting.get(id)?.reject(new ApiProblem('gateway_silent', 'It did not answer in time.')),
    );
    try {
      return await new Promise<Questions[T]['answer']>((resolve, reject) => {
        this.#waiting.set(id, { resolve: (answer) => resolve(answer as Questions[T]['answer']), reject });
        this.#send({ kind: 'ask', id, question: { topic, asked } as Question });
      });
    } finally {
      cancel();
      this.#waiting.delete(id);
    }
  }

  /** What runs at this moment; sent again only where it is another. */
  async view(): Promise<ConfigView> {
    const known = this.#view;
    const news = await this.ask('view', { known: known?.generation ?? 0 });
    if (news !== null) this.#view = news;
    const view = news ?? known;
    if (view === undefined) throw new ApiProblem('gateway_silent', 'It did not say what it runs.');
    return view;
  }

  take(message: Extract<ToControl, { kind: 'answer' | 'noAnswer' }>): void {
    const waiting = this.#waiting.get(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.answer);
    else waiting?.reject(problemOf(message.why));
  }
}

function problemOf(why: NoAnswer): Error {
  if (why.code === 'store') return new StoreProblem(why.problem, why.detail);
  return new ApiProblem(codes[why.code], why.detail);
}
