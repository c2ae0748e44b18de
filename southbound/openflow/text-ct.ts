/**
 * Text of connection tracking, translation and clones: the actions that hold actions, one row each.
 * Source: ovs-actions(7). Neighbours: action-ct.ts (the same on the wire), text-row.ts, text-action.ts.
 */
import type { Action } from './action.ts'
import { ctFlags, type Nat, NO_RECIRC, natFlags } from './action-ct.ts'
import { formatIpv4, formatIpv6, parseAddress } from './text-address.ts'
import { formatOperand, parseShortOperand } from './text-field.ts'
import { type ActionText, type Kind, type Lists, readKeys, row } from './text-row.ts'
import { cut, fail, isEmpty, parseUint, parseWord, type Span, textOf } from './text-span.ts'

/** Ports of the helpers. */
const helpers = { ftp: 21, tftp: 69 }

const range = (min: string, max: string | undefined) => (max === undefined ? min : `${min}-${max}`)

/** `nat(src=10.0.0.1-10.0.0.9:1024-65535,hash)`; undefined for ranges that make no sense. */
function formatNat(nat: Nat): string | undefined {
  const { flags, ipv4_min, ipv4_max, ipv6_min, ipv6_max, proto_min, proto_max } = nat
  const side = flags & natFlags.src ? 'src' : flags & natFlags.dst ? 'dst' : undefined
  if (side === undefined) return Object.keys(nat).length > 2 || flags ? undefined : 'nat'
  let to = ''
  if (ipv4_min !== undefined)
    to = range(formatIpv4(ipv4_min), ipv4_max === undefined ? undefined : formatIpv4(ipv4_max))
  if (ipv6_min !== undefined) {
    const shown = (value: bigint) =>
      proto_min === undefined ? formatIpv6(value) : `[${formatIpv6(value)}]`
    to = range(shown(ipv6_min), ipv6_max === undefined ? undefined : shown(ipv6_max))
  }
  if (proto_min !== undefined) {
    to += `:${range(String(proto_min), proto_max === undefined ? undefined : String(proto_max))}`
  }
  const words = [
    to === '' ? side : `${side}=${to}`,
    ...(flags & natFlags.persistent ? ['persistent'] : []),
    ...(flags & natFlags.protocol_hash ? ['hash'] : []),
    ...(flags & natFlags.protocol_random ? ['random'] : []),
  ]
  return `nat(${words.join(',')})`
}

/** `ADDRESS[-ADDRESS][:PORT[-PORT]]`, IPv6 in brackets where a port follows. */
function parseNatRange(span: Span): Partial<Nat> {
  if (isEmpty(span)) return {}
  const text = textOf(span)
  const six = text.startsWith('[') || (text.match(/:/g) ?? []).length > 1
  const at =
    six && !text.includes(']:') ? -1 : six ? text.lastIndexOf(']:') + 1 : text.lastIndexOf(':')
  const { source, from, to } = span
  const addresses = { source, from, to: at < 0 ? to : from + at }
  const out: Record<string, number | bigint> = {}
  const both = cut(addresses, '-') ?? [addresses]
  both.forEach((one, i) => {
    const bracket = textOf(one).startsWith('[') && textOf(one).endsWith(']')
    const inner = bracket ? { ...one, from: one.from + 1, to: one.to - 1 } : one
    const value = parseAddress(inner)
    if (six && typeof value === 'number') fail(one, 'an IPv6 address')
    out[`${six ? 'ipv6' : 'ipv4'}_${i === 0 ? 'min' : 'max'}`] = value
  })
  if (at >= 0) {
    const ports = { source, from: from + at + 1, to }
    for (const [i, one] of (cut(ports, '-') ?? [ports]).entries()) {
      out[i === 0 ? 'proto_min' : 'proto_max'] = parseUint(one, 16)
    }
  }
  return out as Partial<Nat>
}

function parseNat(span: Span): Nat {
  let flags = 0
  let found: Partial<Nat> = {}
  const side = (bit: number) => (value: Span) => {
    if (flags & (natFlags.src | natFlags.dst)) fail(span, 'src or dst, once')
    flags |= bit
    found = parseNatRange(value)
  }
  readKeys(span, {
    src: side(natFlags.src),
    dst: side(natFlags.dst),
    persistent: () => (flags |= natFlags.persistent),
    hash: () => (flags |= natFlags.protocol_hash),
    random: () => (flags |= natFlags.protocol_random),
  })
  if (flags && !(flags & (natFlags.src | natFlags.dst))) fail(span, 'src or dst with these flags')
  return { flags, ...found }
}

export const ctTexts: { readonly [K in Kind]?: ActionText<K> } = {
  ct: row<'ct'>(
    'ct',
    ({ flags, zone, recirc_table, alg, actions }, lists) => {
      const [first, ...others] = actions
      const inner = first?.kind === 'nat' ? others : actions
      const helper = Object.entries(helpers).find(([, port]) => port === alg)?.[0]
      const words = [
        ...(flags & ctFlags.commit ? ['commit'] : []),
        ...(flags & ctFlags.force ? ['force'] : []),
        ...(recirc_table === NO_RECIRC ? [] : [`table=${recirc_table}`]),
        ...(zone === 0 ? [] : [`zone=${typeof zone === 'number' ? zone : formatOperand(zone)}`]),
        ...(alg === 0 ? [] : [`alg=${helper ?? alg}`]),
        ...(first?.kind === 'nat' ? [lists.format([first])] : []),
        ...(inner.length ? [`exec(${lists.format(inner)})`] : []),
      ]
      return `ct(${words.join(',')})`
    },
    (item, lists) => parseCt(item.value, lists),
  ),
  /** Only within ct. */
  nat: row<'nat'>('nat', formatNat, (item) => ({ kind: 'nat', ...parseNat(item.value) })),
  clone: row<'clone'>(
    'clone',
    ({ actions }, lists) => `clone(${lists.format(actions)})`,
    (item, lists) => {
      if (item.mark !== '(') fail(item.whole, 'clone(ACTIONS)')
      return { kind: 'clone', actions: lists.parse(item.value) }
    },
  ),
}

function parseCt(span: Span, lists: Lists) {
  const out = { flags: 0, zone: 0 as number | ReturnType<typeof parseShortOperand> }
  const more = { recirc_table: NO_RECIRC, alg: 0 }
  const actions: Action[] = []
  readKeys(span, {
    commit: () => (out.flags |= ctFlags.commit),
    force: () => (out.flags |= ctFlags.force),
    table: (value) => (more.recirc_table = parseUint(value, 8)),
    zone: (value) => {
      out.zone = /^\d/.test(textOf(value)) ? parseUint(value, 16) : parseShortOperand(value)
    },
    alg: (value) => (more.alg = parseWord(value, helpers)),
    nat: (value) => actions.push({ kind: 'nat', ...parseNat(value) }),
    exec: (value) => actions.push(...lists.parse(value)),
  })
  return { kind: 'ct' as const, ...out, ...more, actions }
}
