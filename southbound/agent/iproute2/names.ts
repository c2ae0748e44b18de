/**
 * Names that this back end gives, and how it knows its own again: devices by name and link group, which
 * the kernel sets as it makes them, so that no moment exists in which a device of ours is nobody's.
 */
import { createHash } from 'node:crypto'

/** `ip link … group`; 0x5745, "WE". */
export const LINK_GROUP = '22341'
/** The nftables table, in families `bridge` and `inet`. */
export const TABLE = 'weft'
export const VXLAN_PORT = 4789

export const bridgeName = (vni: number): string => `weft-${vni}`
/**
 * A bridge without a MAC of its own has the lowest of its ports'; as ports come and go it changes, and
 * the kernel then forgets the bridge's neighbours. Locally administered; nothing is sent from it.
 */
export const bridgeMac = (vni: number): string =>
  `0e:57:45:${vni
    .toString(16)
    .padStart(6, '0')
    .replace(/(..)(..)(..)/, '$1:$2:$3')}`

export const vxlanName = (vni: number): string => `vx${vni}`

/** Of the tagged frames of an interface: names have 15 characters, so it is a digest of both. */
export const vlanName = (port: string, vid: number): string => `weft-v${digest(`${port} ${vid}`)}`

const OWN = /^(weft-\d{1,8}|weft-v[0-9a-f]{8}|vx\d{1,8})$/

export const isOwnName = (name: string): boolean => OWN.test(name)

/** The VNI of a bridge's or VXLAN device's name. */
export function vniOf(name: string): number | undefined {
  const digits = /^(?:weft-|vx)(\d{1,8})$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Interfaces with other names are not offered: they could not be written into a batch or a rule. */
export const isUsableName = (name: string): boolean => /^[\w.-]{1,15}$/.test(name)

/** Eight hexadecimal digits: tells texts apart, keeps no secret. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
