/**
 * Whether rules let a VXLAN packet of another VTEP in: UDP to port 4789 of which nothing else is known. Rules are followed as
 * the kernel does; a condition that is not understood may hold or not. Pure. Neighbour: host-underlay.ts reads the rules.
 */

export interface Fate {
  readonly passes: 'yes' | 'perhaps' | 'no'
  /** What drops it, or may. */
  readonly rule?: string
}

const VXLAN_PORT = 4789

type Holds = 'yes' | 'perhaps' | 'no'
type Expression = Readonly<Record<string, unknown>>
interface Chain {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly hook?: string
  readonly policy?: string
}
interface Rule extends Omit<Chain, 'name'> {
  readonly chain: string
  readonly expr: readonly Expression[]
}
/** `nft -j list ruleset`, libnftables-json(5). */
export interface Ruleset {
  readonly nftables: readonly { readonly chain?: Chain; readonly rule?: Rule }[]
}

/** Hooks that a packet to this host passes. */
const hooks: ReadonlySet<string> = new Set(['ingress', 'prerouting', 'input'])

export function vxlanFate({ nftables }: Ruleset): Fate {
  const chains = nftables.flatMap(({ chain }) => chain ?? [])
  const rules = nftables.flatMap(({ rule }) => rule ?? [])
  let fate: Fate = { passes: 'yes' }
  for (const chain of chains) {
    if (chain.hook === undefined || !hooks.has(chain.hook) || chain.family === 'bridge') continue
    const found = follow(chain, { chains, rules }, new Set())
    if (found.passes === 'no') return found
    if (found.passes === 'perhaps') fate = found
  }
  return fate
}

/** `end`: what is when no rule decides. */
function follow(
  chain: Chain,
  all: { readonly chains: readonly Chain[]; readonly rules: readonly Rule[] },
  seen: Set<Chain>,
): Fate & { readonly isDecided: boolean } {
  seen.add(chain)
  let perhaps: string | undefined
  let mayPass = false
  const named = `${chain.table} ${chain.name}`
  for (const { family, table, chain: of, expr } of all.rules) {
    if (family !== chain.family || table !== chain.table || of !== chain.name) continue
    const holds = holdsOf(expr)
    if (holds === 'no') continue
    const text = `${named}: ${JSON.stringify(expr)}`
    const drops = expr.some((each) => 'drop' in each || 'reject' in each)
    if (expr.some((each) => 'accept' in each)) {
      if (holds === 'yes') return { ...ended(perhaps), isDecided: true }
      mayPass = true
    } else if (drops && holds === 'yes' && !mayPass) {
      return { passes: 'no', rule: text, isDecided: true }
    } else if (drops) {
      perhaps ??= text
      if (holds === 'yes') return { ...ended(perhaps), isDecided: true }
    }
    const [target] = expr.flatMap((each) => {
      const jump = (each.jump ?? each.goto) as { readonly target?: string } | undefined
      return jump?.target ?? []
    })
    const next = all.chains.find(
      (each) => each.family === family && each.table === table && each.name === target,
    )
    if (!next || seen.has(next)) continue
    const inner = follow(next, all, seen)
    if (inner.isDecided && holds === 'yes' && !mayPass) return inner
    if (inner.passes !== 'yes') perhaps ??= inner.rule
    else if (inner.isDecided) mayPass = true
  }
  if (chain.policy !== 'drop') return { ...ended(perhaps), isDecided: false }
  const rule = `${named}: policy drop`
  return mayPass
    ? { passes: 'perhaps', rule, isDecided: true }
    : { passes: 'no', rule, isDecided: true }
}

const ended = (perhaps: string | undefined): Fate =>
  perhaps === undefined ? { passes: 'yes' } : { passes: 'perhaps', rule: perhaps }

function holdsOf(expr: readonly Expression[]): Holds {
  let holds: Holds = 'yes'
  for (const { match, xt } of expr) {
    const found =
      xt !== undefined ? 'perhaps' : match === undefined ? 'yes' : matches(match as Match)
    if (found === 'no') return 'no'
    if (found === 'perhaps') holds = 'perhaps'
  }
  return holds
}

interface Match {
  readonly op: string
  readonly left: {
    readonly payload?: { readonly protocol?: string; readonly field?: string }
    readonly meta?: { readonly key?: string }
  }
  readonly right: unknown
}

function matches({ op, left: { payload, meta }, right }: Match): Holds {
  const isPort =
    payload?.field === 'dport' && (payload.protocol === 'udp' || payload.protocol === 'th')
  const isProtocol =
    meta?.key === 'l4proto' || payload?.field === 'protocol' || payload?.field === 'nexthdr'
  if (payload?.protocol === 'tcp' || payload?.protocol === 'icmp' || payload?.protocol === 'icmpv6')
    return 'no'
  if (!isPort && !isProtocol) return 'perhaps'
  const has = among(right, isPort ? [VXLAN_PORT] : ['udp', 17])
  if (has === undefined) return 'perhaps'
  return has === (op !== '!=') ? 'yes' : 'no'
}

/** Undefined: not understood. */
function among(right: unknown, values: readonly unknown[]): boolean | undefined {
  if (typeof right === 'number' || typeof right === 'string')
    return right.toString().startsWith('@') ? undefined : values.includes(right)
  const { set, range } = (right ?? {}) as { set?: readonly unknown[]; range?: readonly number[] }
  if (set) return set.some((each) => among(each, values) === true)
  const [from, to] = range ?? []
  if (from === undefined || to === undefined) return undefined
  return values.some((value) => typeof value === 'number' && value >= from && value <= to)
}

/** Of `iptables-save`: rules that name the port, and the policy of INPUT where no rule does. */
export function xtablesFate(text: string): Fate {
  const lines = text.split('\n')
  for (const line of lines) {
    if (!/^-A (INPUT|PREROUTING)\b/.test(line) || !/-p udp\b.*--dports? \S*\b4789\b/.test(line))
      continue
    if (/-j ACCEPT/.test(line)) return { passes: 'yes' }
    if (/-j (DROP|REJECT)/.test(line)) return { passes: 'no', rule: line }
  }
  const policy = lines.find((line) => /^:INPUT DROP/.test(line))
  return policy === undefined ? { passes: 'yes' } : { passes: 'perhaps', rule: policy }
}
