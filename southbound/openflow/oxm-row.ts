/**
 * The row of a match field and how to write one. Neighbours: oxm.ts (OpenFlow's own fields and the
 * whole table), oxm-nicira.ts (Open vSwitch's fields).
 */

/** How a value is written in the text syntax of ovs-ofctl. */
export type OxmFormat = 'dec' | 'hex' | 'mac' | 'ipv4' | 'ipv6' | 'port'

/** Other fields that must be in the same match, each with one of these values. */
export type Needs = Readonly<Record<string, readonly number[]>>

export interface OxmRow<T extends number | bigint = number | bigint> {
  readonly class: number
  readonly field: number
  /** Significant bits; the wire may carry more, which are 0. */
  readonly bits: number
  /** Bytes on the wire of a value (a masked field carries two); the most, for a variable field. */
  readonly size: number
  readonly maskable: boolean
  readonly needs: Needs
  readonly format: OxmFormat
  /** Name in ovs-ofctl's text where it is not ours. */
  readonly text?: string | undefined
  /** Class and field as an operand of Nicira's actions, where Open vSwitch has an older name. */
  readonly operand?: readonly [oxmClass: number, field: number] | undefined
  /** Class 0xffff only: the experimenter whose field this is. */
  readonly experimenter?: number | undefined
  /**
   * The wire carries as many bytes as the switch's tlv_table says, up to `size`. Without that table
   * we write the fewest whole words that hold value and mask; leading zeros mean nothing.
   */
  readonly variable?: true | undefined
  /** Phantom: the JavaScript type of a value, a number up to 48 bits. */
  readonly value?: T
}

export interface RowOptions {
  mask?: boolean
  size?: number
  needs?: Needs
  format?: OxmFormat
  text?: string
  operand?: readonly [oxmClass: number, field: number]
  experimenter?: number
  variable?: true
}

export const row = <T extends number | bigint>(
  oxmClass: number,
  field: number,
  bits: number,
  options: RowOptions = {},
): OxmRow<T> => ({
  class: oxmClass,
  field,
  bits,
  size: options.size ?? (bits + 7) >> 3,
  maskable: options.mask ?? false,
  needs: options.needs ?? {},
  format: options.format ?? 'dec',
  text: options.text,
  operand: options.operand,
  experimenter: options.experimenter,
  variable: options.variable,
})

export const IP = { eth_type: [0x0800, 0x86dd] }
export const IPV4 = { eth_type: [0x0800] }
export const IPV6 = { eth_type: [0x86dd] }
export const ARP = { eth_type: [0x0806, 0x8035] }
export const MPLS = { eth_type: [0x8847, 0x8848] }
export const TCP = { ...IP, ip_proto: [6] }
export const UDP = { ...IP, ip_proto: [17] }
export const SCTP = { ...IP, ip_proto: [132] }
export const ICMP = { ...IPV4, ip_proto: [1] }
export const ICMPV6 = { ...IPV6, ip_proto: [58] }
export const SOLICIT = { ...ICMPV6, icmpv6_type: [135] }
export const ADVERT = { ...ICMPV6, icmpv6_type: [136] }
/** Neighbour discovery, either way. */
export const ND = { ...ICMPV6, icmpv6_type: [135, 136] }
/** An empty list: the field must be there, with any value. */
export const TAGGED = { vlan_vid: [] }
