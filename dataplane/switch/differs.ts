/** Whether a row lacks one of these values: what decides that a report is worth a commit. */
export function differs(row: object, values: object): boolean {
  return Object.entries(values).some(([column, value]) => {
    const now = (row as Record<string, unknown>)[column]
    if (value === null || typeof value !== 'object') return now !== value
    return flat(now) !== flat(value)
  })
}

/** A set in its order; a map by its keys, whose order means nothing. */
function flat(value: unknown): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return JSON.stringify(value)
  }
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
