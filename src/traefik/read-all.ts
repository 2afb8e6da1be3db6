// Everything below a map was answered for by a word about the whole.
import type { SourceMap } from '../import/source-map.ts';

export function readAll(map: SourceMap): void {
  map.readAll();
  for (const name of map.names) {
    const value = map.getEmpty(name);
    if (value?.map !== undefined) readAll(value.map);
    for (const item of value?.node.kind === 'list' ? value.items : []) if (item.map !== undefined) readAll(item.map);
  }
}
