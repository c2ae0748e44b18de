/** "Did you mean": the known word that a mistyped one most likely stands for. */

/** Undefined when nothing is near: more than two slips, or more than a third of the word. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const plain = simplified(word)
  let best: string | undefined
  let bestDistance = Math.min(2, Math.floor(plain.length / 3)) + 1
  for (const candidate of known) {
    const other = simplified(candidate)
    const begun = plain.length >= 3 && other.startsWith(plain)
    const distance = begun ? 1 : slips(plain, other)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** "did you mean 'web'?" or the known words, for the end of a sentence. */
export function hint(word: string, known: Iterable<string>): string {
  const words = [...known]
  const near = suggest(word, words)
  if (near !== undefined) return `did you mean '${near}'?`
  if (words.length === 0) return 'there is none'
  const shown = words.slice(0, 12).join(', ')
  return words.length > 12 ? `known: ${shown}, …` : `known: ${shown}`
}

const simplified = (word: string): string => word.slice(0, 64).toLowerCase().replace(/[-_]/g, '')

/** Letters to insert, drop, change or swap with their neighbour (optimal string alignment). */
function slips(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swap ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] as number
