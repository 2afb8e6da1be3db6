// What has to be done while something is valid that ends soon, and ends by the clock of another process: done again with a longer
// life where the machine was too slow for it, so that only the wait for the end depends on time.

/** Longest life that is tried. */
const LONGEST_S = 300;

/**
 * Does `act` with the moment at which the life ends (milliseconds since the epoch, whole seconds as X.509 knows them), `seconds` from
 * now, or a later one where `act` was not done before it: then what it returned or threw says nothing.
 */
export async function whileValid<T>(seconds: number, act: (notAfter: number) => Promise<T>): Promise<T> {
  for (let lifeS = seconds; ; lifeS *= 4) {
    const notAfter = (Math.floor(Date.now() / 1000) + lifeS) * 1000;
    const [outcome] = await Promise.allSettled([act(notAfter)]);
    if (Date.now() >= notAfter && lifeS * 4 <= LONGEST_S) continue;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }
}
