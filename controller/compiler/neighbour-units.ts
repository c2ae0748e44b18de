/**
 * IPv6 of a port: under which addresses it sends, what it may say of itself to its neighbours, and how they find it. A
 * solicitation goes to the one port that has the address, its destination MAC that of the port (RFC 6085), and that port
 * answers: no flood, and no answer for a port that is silent. Neighbours: `port-units.ts`, which has the same for IPv4 and
 * ARP; `site-units.ts`, what every host has.
 *
 *   port security ─┬─ discovery (the target is its own, the option its MAC) ─► sender (so is the source) ─► responders
 *                  └─ the rest under its own addresses ─► L2 lookup
 */
import type { Match } from '../../southbound/openflow/match.ts'
import { parseMac } from '../../southbound/wire/address.ts'
import { ND_ADVERTISEMENT, ND_SOLICITATION } from '../../southbound/wire/neighbour-discovery.ts'
import { familyOf, formatAddress, ipv6Number, linkLocalAddress } from '../model/ip-address.ts'
import type { Network, Port } from '../model/schema.ts'
import type { flow } from './items.ts'
import { goto, IPV6, MULTICAST, set } from './parts.ts'
import type { DropReason } from './reason.ts'
import { dropAndShow } from './sample-units.ts'
import { register, table } from './stages.ts'

const { network, source, destination } = register
const ICMPV6 = 58
/** Router advertisement, redirect: RFC 4861 §4.2, §4.5. */
const OF_ROUTERS = [134, 137]
/** RFC 9777 §5.2; sent from :: while an address is tentative. */
const LISTENER_REPORT = 143
const NOBODY = 0n

export const icmpv6 = (icmpv6_type: number): Match => ({
  ...{ eth_type: IPV6, ip_proto: ICMPV6, icmpv6_type },
})
/** Without a target in the key are those of another code, and those that contradict themselves. */
const solicitation: Match = { ...icmpv6(ND_SOLICITATION), icmpv6_code: 0 }
const advertisement: Match = { ...icmpv6(ND_ADVERTISEMENT), icmpv6_code: 0 }

/** Says an option twice, of which who hears it may take either: for whom it speaks a switch does not read. */
export const speaksForAnyone: Match = { ...advertisement, ipv6_nd_target: 0n }

/** Who asks all for an address. */
export const asksAll: Match = { ...solicitation, eth_dst: MULTICAST }

/** What a port calls itself in IPv6: its addresses, and the link-local one of its MAC; nothing without an address. */
export function ipv6Of({ mac, addresses }: Port): readonly bigint[] {
  const own = addresses.filter((each) => familyOf(each) === 6).map(ipv6Number)
  return own.length === 0 ? own : [...own, linkLocalAddress(parseMac(mac))]
}

/** All addresses that a port may send under, in an order that stays. */
export function namesOf(port: Port): readonly string[] {
  const linkLocal = ipv6Of(port).at(-1)
  const { addresses } = port
  return linkLocal === undefined ? addresses : [...addresses, formatAddress(6, linkLocal)]
}

/** Emits a flow of the port. */
type Own = (
  tableId: number,
  priority: number,
  match: Match,
  does: Parameters<typeof flow>[4],
) => void

/** Held to its addresses, and to being no router (RFC 6105). */
export function secureIpv6(own: Own, port: Port): void {
  const addresses = ipv6Of(port)
  if (addresses.length === 0) return
  const mac = parseMac(port.mac)
  const mine = { [source]: port.number, eth_src: mac }
  const secure = (priority: number, match: Match, does: Parameters<typeof flow>[4]) =>
    own(table.portSecurity, priority, { ...mine, ...match }, does)
  const onward = goto(table.neighbours)

  for (const type of OF_ROUTERS) secure(110, icmpv6(type), dropAndShow('ra_refused'))
  for (const type of [ND_SOLICITATION, ND_ADVERTISEMENT])
    secure(110, icmpv6(type), dropAndShow('port_security'))
  for (const ipv6_nd_sll of [mac, 0]) secure(120, { ...solicitation, ipv6_nd_sll }, onward)
  secure(130, { ...icmpv6(ND_SOLICITATION), ipv6_nd_target: 0n }, dropAndShow('port_security'))
  // First fragments that end in the headers, or before the message: what they carry nobody sees here. RFC 7112, RFC 7113.
  for (const ended of [{ eth_type: IPV6, ip_proto: 0 }, icmpv6(0)])
    secure(130, ended, dropAndShow('port_security'))
  secure(100, { ...icmpv6(LISTENER_REPORT), ipv6_src: NOBODY }, goto(table.l2))
  for (const address of addresses) {
    const about = { ipv6_nd_target: address }
    for (const ipv6_nd_tll of [mac, 0])
      secure(120, { ...advertisement, ...about, ipv6_nd_tll }, onward)
    // Duplicate address detection, RFC 4862 §5.4.2.
    const probe = { ...solicitation, ...about, ipv6_src: NOBODY, ipv6_nd_sll: 0 }
    secure(130, probe, goto(table.l2))
    secure(100, { eth_type: IPV6, ipv6_src: address }, goto(table.l2))
    const sent = { [source]: port.number, eth_type: IPV6, ipv6_src: address }
    own(table.neighbours, 100, sent, goto(table.responders))
  }
  own(table.neighbours, 10, { [source]: port.number }, dropAndShow('port_security'))
}

/** Whom nobody has asked for by this name the port cannot reach: its own count of that. */
export function blameIpv6(
  drop: (tableId: number, priority: number, match: Match, reason: DropReason) => void,
  port: Port,
): void {
  if (ipv6Of(port).length > 0) drop(table.responders, 101, asksAll, 'nd_unknown')
}

/** Solicitations for its addresses go to it, and to nobody else. @param share emits where its MAC is known */
export function solicited(share: Own, { number }: Network, port: Port): void {
  const apply = [set('eth_dst', parseMac(port.mac)), set(destination, port.number)]
  for (const ipv6_nd_target of ipv6Of(port)) {
    const match = { [network]: number, ...asksAll, ipv6_nd_target }
    share(table.responders, 200, match, { apply, goto: table.output })
  }
}

/** What nobody on a physical network may say, as it is this port. */
export function ipv6Claims(port: Port): readonly Match[] {
  return ipv6Of(port).flatMap((address): readonly Match[] => [
    { eth_type: IPV6, ipv6_src: address },
    { ...advertisement, ipv6_nd_target: address },
  ])
}
