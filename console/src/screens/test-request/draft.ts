// What the form has, as the API takes it.
type Route = {
  readonly running: boolean;
  readonly hosts?: readonly string[];
  readonly path?: string;
};

/** A URL that the route takes, as far as can be told from what it says; '' where there is no such route. */
export function urlOfRoute(route: Route | undefined): string {
  if (route === undefined || !route.running) return '';
  const { hosts = [], path = '/' } = route;
  const [host = 'localhost'] = hosts;
  const name = host.replace(/^\*\./, 'www.').replaceAll(/[{}]/g, '');
  return `https://${name}${path.replaceAll(/[{}]/g, '')}`;
}

/** `name: value` on each line. A line without a colon is a name alone, which the server says what it thinks of. */
export function headersOf(text: string): [string, string][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}
