/**
 * Our two nftables tables, read. nft rewrites rules as it lists them, differently from version to
 * version, so that no rule is compared by its text: each carries the digest of the text that we wrote
 * as its comment, and a rule that still has its comment but looks otherwise than when it was seen
 * first was changed by somebody (`memory`). Neighbours: filter.ts (what should be), facts.ts.
 */
import { run } from './command.ts'
import { ruleMark } from './facts.ts'
import { TABLE } from './names.ts'
import type { NftChain, NftState } from './seen.ts'

interface NftJson {
  readonly table?: { readonly family: string; readonly name: string }
  readonly chain?: {
    readonly family: string
    readonly name: string
    readonly type?: string
    readonly hook?: string
    readonly prio?: number
    readonly policy?: string
  }
  readonly rule?: {
    readonly family: string
    readonly chain: string
    readonly comment?: string
    readonly expr: readonly unknown[]
  }
  readonly set?: SetJson
  readonly map?: SetJson
  readonly counter?: { readonly family: string; readonly name: string; readonly packets: number }
}
interface SetJson {
  readonly family: string
  readonly name: string
  readonly elem?: readonly unknown[]
}

/** Undefined: nft is not there, or may not list. */
export async function readNft(signal?: AbortSignal | undefined): Promise<NftState | undefined> {
  const all: NftJson[] = []
  for (const family of ['bridge', 'inet']) {
    const { code, stdout, stderr } = await run(['nft', '-j', 'list', 'table', family, TABLE], {
      signal,
    })
    if (code === 0) all.push(...(JSON.parse(stdout) as { nftables: NftJson[] }).nftables)
    else if (!stderr.includes('No such file or directory')) return undefined
  }
  return parseNft(all)
}

export function parseNft(all: readonly NftJson[]): NftState {
  const rules = all.flatMap(({ rule }) => rule ?? [])
  return {
    tables: all.flatMap(({ table }) => (table?.name === TABLE ? [table.family] : [])),
    chains: all.flatMap(({ chain }): NftChain[] => {
      if (!chain) return []
      const { family, name, type, hook, prio, policy } = chain
      return [
        {
          ...{ family, name },
          hook: hook ? `type ${type} hook ${hook} priority ${prio}; policy ${policy};` : '',
          rules: rules
            .filter((rule) => rule.family === family && rule.chain === name)
            .map(({ comment = '', expr }) => ({ mark: comment, shown: JSON.stringify(expr) })),
        },
      ]
    }),
    sets: all.flatMap(({ set, map }) => {
      const found = set ?? map
      if (!found) return []
      const { family, name, elem = [] } = found
      return [{ family, name, text: elem.map(element).sort().join('\n') }]
    }),
    counters: all.flatMap(({ counter }) => counter ?? []),
  }
}

function element(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === 'string' ? `"${value}"` : JSON.stringify(value)
  const [key, verdict] = value as [unknown, Record<string, { target?: string } | null>]
  const [name = '', target] = Object.entries(verdict)[0] ?? []
  return `${element(key)} : ${name}${target?.target === undefined ? '' : ` ${target.target}`}`
}

/**
 * As facts, in which a rule that should be there has the text that we wrote.
 * @param chains what should be, whose rules are known
 * @param memory how rules looked when they were seen first, by place and mark; added to
 */
export function nftFacts(
  state: NftState,
  chains: readonly string[],
  memory: Map<string, string>,
): Map<string, string> {
  const known = new Map<string, string>()
  for (const text of chains) for (const rule of text.split('\n')) known.set(ruleMark(rule), rule)
  const facts = new Map<string, string>()
  for (const family of state.tables) facts.set(`table ${family}`, '')
  for (const { family, name, hook, rules } of state.chains) {
    const lines = rules.map(({ mark, shown }) => {
      const rule = known.get(mark)
      const place = `${family} ${name} ${mark}`
      if (rule === undefined) return `unknown ${shown}`
      const first = memory.get(place) ?? shown
      memory.set(place, first)
      return first === shown ? rule : `altered ${shown}`
    })
    facts.set(`chain ${family} ${name}`, [hook, ...lines].join('\n'))
  }
  for (const { family, name, text } of state.sets) facts.set(`set ${family} ${name}`, text)
  for (const { family, name } of state.counters) facts.set(`counter ${family} ${name}`, '')
  return facts
}
