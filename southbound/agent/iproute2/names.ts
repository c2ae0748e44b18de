/**
 * Names that this back end gives, and how it knows its own again: devices by name and link group, which
 * the kernel sets as it makes them, so that no moment exists in which a device of ours is nobody's.
 */
import { createHash } from 'node:crypto'
import { MAX_VNI } from '../desired.ts'

/** `ip link … group`; 0x5745, "WE". */
export const LINK_GROUP = '22341'
/** Of bridges to physical networks, whose names others choose. */
const BRIDGE_GROUP = '22342'
/** The nftables table, in families `bridge` and `inet`. */
export const TABLE = 'weft'
export const VXLAN_PORT = 4789

export const bridgeName = (vni: number): string => `weft-${vni}`
/**
 * A bridge without a MAC of its own has the lowest of its ports'; as ports come and go it changes, and
 * the kernel then forgets the bridge's neighbours. Locally administered; nothing is sent from it.
 */
export const bridgeMac = (vni: number): string =>
  vni > MAX_VNI ? macOf('0e:57:46', vni - MAX_VNI) : macOf('0e:57:45', vni)

/** Of a bridge to a physical network. */
export const physicalMac = (name: string): string =>
  macOf('0e:57:47', Number.parseInt(digest(name).slice(0, 6), 16))

const macOf = (prefix: string, number: number): string =>
  `${prefix}:${number
    .toString(16)
    .padStart(6, '0')
    .replace(/(..)(..)(..)/, '$1:$2:$3')}`

export const vxlanName = (vni: number): string => `vx${vni}`

/** Of the tagged frames of an interface: names have 15 characters, so it is a digest of both. */
export const vlanName = (port: string, vid: number): string => `weft-v${digest(`${port} ${vid}`)}`

/**
 * A veth pair that joins networks to a bridge: `near` is what networks see of it, `far` is the bridge's port.
 * @param bridge its name
 */
export const patchNames = (bridge: string): { readonly near: string; readonly far: string } => ({
  near: `weft-p${digest(bridge)}`,
  far: `weft-q${digest(bridge)}`,
})
/**
 * A bridge that is down, and so drops what its one port hands it: an interface whose tagged frames alone are of networks
 * would otherwise give the others to the host.
 */
export const sinkName = (device: string): string => `weft-s${digest(device)}`

/** The far end of this near one. */
export const farOf = (near: string): string => near.replace('weft-p', 'weft-q')
export const isNear = (name: string): boolean => name.startsWith('weft-p')
export const isFar = (name: string): boolean => name.startsWith('weft-q')

const OWN = /^(weft-\d{1,8}|weft-[pqsv][0-9a-f]{8}|vx\d{1,8})$/

export const isOwnName = (name: string): boolean => OWN.test(name)
export const groupOf = (name: string): string => (isOwnName(name) ? LINK_GROUP : BRIDGE_GROUP)

/** Whether a device was made by us. @param kind `bridge`, `veth` … */
export const isOwnDevice = (name: string, group: string | undefined, kind: string | undefined) =>
  group === groupOf(name) && (isOwnName(name) || kind === 'bridge')

/**
 * An interface of the host's own that became an uplink remembers how it was found, by an alternative name: it outlives
 * the agent and goes with the interface. `1500 up eth1`: MTU, whether it was up, and its name then: it may have another now.
 */
export const foundName = (found: string): string => `weft-found-${found.replaceAll(' ', '-')}`
export function foundOf(alternatives: readonly string[] = []): string | undefined {
  for (const name of alternatives) {
    const [, mtu, state, device] = /^weft-found-(\d+)-(up|down)-(.+)$/.exec(name) ?? []
    if (mtu !== undefined) return `${mtu} ${state} ${device}`
  }
  return undefined
}

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
