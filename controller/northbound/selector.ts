/** Selectors of labels: `app=web,tier!=db,zone,!old`, all of which must hold. Neighbour: lists.ts. */

export type Selector = (labels: Readonly<Record<string, string>> | undefined) => boolean

const name = '[A-Za-z0-9][A-Za-z0-9./_-]*'
const value = '[A-Za-z0-9._-]*'
const term = `(!?${name}|${name}!?=${value})`
export const selectorPattern = `^${term}(,${term}){0,31}$`

/** @param text that has passed the pattern; undefined: everything fits */
export function parseSelector(text: string | undefined): Selector {
  const terms = text === undefined ? [] : text.split(',').map(parseTerm)
  return (labels = {}) => terms.every((fits) => fits(labels))
}

function parseTerm(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const has = (labels: object, key: string): boolean => Object.hasOwn(labels, key)
  const [, key = '', not, wanted] = /^(.*?)(!)?=(.*)$/.exec(text) ?? []
  if (wanted !== undefined) {
    const isEqual = (labels: Readonly<Record<string, string>>): boolean =>
      has(labels, key) && labels[key] === wanted
    return not ? (labels) => !isEqual(labels) : isEqual
  }
  if (text.startsWith('!')) return (labels) => !has(labels, text.slice(1))
  return (labels) => has(labels, text)
}
