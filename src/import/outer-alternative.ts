// Expressions that fit anywhere in a text, on their way to ones that fit the whole: whoever takes the anchors away has to know that they
// belong to all of it.

/** `^/a/|^/b/`: each alternative has anchors of its own. */
export function hasOuterAlternative(expression: string): boolean {
  let depth = 0;
  let isClass = false;
  for (let i = 0; i < expression.length; i++) {
    const char = expression[i];
    if (char === '\\') i++;
    else if (isClass) isClass = char !== ']';
    else if (char === '[') isClass = true;
    else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}
