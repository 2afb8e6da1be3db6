// `${NAME}` and `${NAME:-default}` in string values. Works on one value after the YAML was read, so a variable can
// never add structure; a value is substituted once, what a variable holds is not looked at again.

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export type Environment = Readonly<Record<string, string | undefined>>;

export type Substitution = {
  readonly text: string;
  readonly changed: boolean;
  /** Names that are not set and have no default; each stands as written in `text`. */
  readonly unset: readonly string[];
};

/** Set but empty counts as set for `${NAME}`; `${NAME:-x}` takes x for empty too, as shells do. */
export function substitute(text: string, env: Environment): Substitution {
  if (!text.includes('${')) return { text, changed: false, unset: [] };
  const unset: string[] = [];
  // Behind the last brace nothing can match: to look there for each `${` would take time that grows with its square.
  const end = text.lastIndexOf('}') + 1;
  const result = text.slice(0, end).replace(reference, (whole: string, name: string, fallback: string | undefined) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value !== undefined) return value;
    unset.push(name);
    return whole;
  });
  const whole = result + text.slice(end);
  return { text: whole, changed: whole !== text, unset };
}
