// A route as the form has it, and as it is stored. What the form does not show stays as it was.
import type { JsonObject } from '../../api/merge-patch.ts';

export type RouteDraft = {
  /** One on each line, or with commas between them. */
  readonly hosts: string;
  readonly path: string;
  readonly methods: string;
  readonly service: string;
  readonly priority: string;
  readonly rewrite: string;
  readonly isOn: boolean;
};

export const newRoute: RouteDraft = {
  hosts: '',
  path: '/',
  methods: '',
  service: '',
  priority: '',
  rewrite: '',
  isOn: true,
};

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? `${value}` : '');
const lines = (value: unknown, between: string): string => (Array.isArray(value) ? value.join(between) : '');

export function draftOf(value: JsonObject): RouteDraft {
  return {
    hosts: lines(value['hosts'], '\n'),
    path: text(value['path']),
    methods: lines(value['methods'], ', '),
    service: text(value['service']),
    priority: text(value['priority']),
    rewrite: text(value['rewrite']),
    isOn: value['enabled'] !== false,
  };
}

/** `value`: as it was stored; {} for a new one. */
export function valueOf(draft: RouteDraft, value: JsonObject = {}): JsonObject {
  return {
    ...value,
    hosts: listOf(draft.hosts),
    path: draft.path.trim(),
    methods: listOf(draft.methods)?.map((one) => one.toUpperCase()),
    service: orNothing(draft.service),
    priority: numberOf(draft.priority),
    rewrite: orNothing(draft.rewrite.trim()),
    enabled: draft.isOn ? (value['enabled'] === undefined ? undefined : true) : false,
  };
}

/** None: every one, which is said by leaving it out. */
function listOf(value: string): string[] | undefined {
  const list = value.split(/[\s,]+/).filter((one) => one !== '');
  return list.length === 0 ? undefined : list;
}

/** What is no number goes as it is: the server says what is wrong with it, at its field. */
function numberOf(value: string): number | string | undefined {
  const written = value.trim();
  if (written === '') return undefined;
  return /^-?\d+$/.test(written) ? Number(written) : written;
}

function orNothing(value: string): string | undefined {
  return value === '' ? undefined : value;
}
