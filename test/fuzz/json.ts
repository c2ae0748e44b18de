/** Breaks JSON: values of other types, numbers too large, nesting too deep. Neighbour: ovsdb-material.ts. */
import type { Random } from './random.ts'

type Json = unknown
/** Stands for text that JSON.stringify would not write. */
const RAW = '@raw:'
const raws = [
  ...[
    '1e400',
    '-1e400',
    '1e308',
    '123456789012345678901234567890',
    '-0',
    '0.1',
    '9007199254740993',
  ],
  ...['"\\ud800"', '"\\u0000"', '01', 'nul', 'NaN', '', '{"a":1,"a":2}', '"\\x"', '[1,]', '"'],
  ...[10, 50, 70, 3000].flatMap((n) => [
    '['.repeat(n) + ']'.repeat(n),
    '{"a":'.repeat(n) + '1' + '}'.repeat(n),
    '["set",['.repeat(n) + ']]'.repeat(n),
  ]),
].map((text) => RAW + text)
const values: readonly Json[] = [
  ...[null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 53, '', 'x', '_uuid', '_version', '__proto__'],
  ...[
    [],
    {},
    [[]],
    ['set', []],
    ['set', [1, 1]],
    ['map', []],
    ['map', [['a', 'b']]],
    ['uuid', 'x'],
  ],
  ...[
    ['named-uuid', 'x'],
    ['uuid', 'a0000000-0000-4000-8000-000000000000'],
    ['set', ['a', 1, null]],
  ],
  ...[{ constructor: 1 }, 'x'.repeat(5000), 'toString', 'includes', '+=', 'insert', '==', 'Leaf'],
]

/** The containers below a value, with themselves. */
function containers(value: Json, out: (Json[] | Record<string, Json>)[] = []) {
  if (typeof value !== 'object' || value === null) return out
  out.push(value as Record<string, Json>)
  for (const one of Object.values(value)) containers(one, out)
  return out
}

/** A copy, broken in 1 to 3 places. */
export function brokenJson(random: Random, from: Json, other: Json): Json {
  const root = structuredClone({ value: from })
  for (let n = random.below(3); n >= 0; n--) {
    // The first one is `root` itself.
    const all = containers(root)
    const one = all[Math.min(all.length - 1, 1 + random.below(all.length))]!
    const keys = Object.keys(one)
    const key = keys.length ? random.pick(keys) : '0'
    const holder = one as Record<string, Json>
    const way = random.below(8)
    if (way < 3) holder[key] = structuredClone(random.pick(values))
    else if (way === 3) holder[key] = random.pick(raws)
    else if (way === 4) holder[key] = structuredClone(random.pick(containers([other])))
    else if (way === 5 && Array.isArray(one)) one.splice(Number(key), 1)
    else if (way === 5) delete holder[key]
    else if (Array.isArray(one))
      one.push(structuredClone(random.pick([random.pick(values), ...one])))
    else if (!random.once(3)) holder[key] = [holder[key]]
    else
      holder[random.pick(['op', 'id', 'where', 'table', 'x', 'uuid', 'columns', '_a'])] =
        structuredClone(random.pick(values))
    if (Array.isArray(one) && one.length > 200) one.length = 200
  }
  return root.value
}

export const jsonText = (value: Json): string =>
  JSON.stringify(value).replaceAll(/"@raw:((?:[^"\\]|\\.)*)"/g, (_, text) =>
    JSON.parse(`"${text}"`),
  )
