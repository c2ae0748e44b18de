/** What Map lacks here. */

/** The value under a key; made and kept when there is none. */
export function ensure<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key)
  if (value !== undefined) return value
  const made = make()
  map.set(key, made)
  return made
}
