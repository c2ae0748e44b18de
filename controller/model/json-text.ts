/**
 * JSON as a document: read by the engine itself, some fifty times faster than as the YAML that it also is. What it would take
 * otherwise than YAML (a key twice, nesting without end) is left to yaml.ts, which says where it stands.
 */

/** Levels that a document may have; ours have five. */
const DEEPEST = 64

/** The value; undefined when it is no JSON, or one that is for yaml.ts to refuse. */
export function parseJsonText(text: string): { readonly value: unknown } | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isPlain(text) ? { value } : undefined
  } catch {
    return undefined
  }
}

/** Of a text that is JSON: each key once in its object, and few levels. */
export function isPlain(text: string): boolean {
  // Keys of the objects that are open, innermost last; an array has none.
  const open: (Set<string> | undefined)[] = []
  for (const [token, name, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)|[[\]{}]/g)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > DEEPEST) return false
    } else if (name === undefined) open.pop()
    else if (colon) {
      const keys = open.at(-1)
      const key = name.includes('\\') ? (JSON.parse(name) as string) : name.slice(1, -1)
      if (keys?.has(key)) return false
      keys?.add(key)
    }
  }
  return true
}
