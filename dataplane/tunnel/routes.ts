/**
 * Which neighbour a packet for an address goes to: the address itself where a prefix of the VTEP's
 * own addresses says that it is on the link, else the gateway of the longest prefix.
 * Neighbours: raw-underlay.ts.
 */
import { WireError } from '../../southbound/wire/error.ts'
import {
  type Address,
  isIn,
  isIpv4,
  isMulticast,
  type Prefix,
  parseAddress,
  parsePrefix,
} from './address.ts'

/** As in `ip route add TO via VIA`. */
export interface Route {
  /** A prefix, or 'default': all of the version of `via`. */
  readonly to: string
  readonly via: string
}

export interface Routes {
  /** The VTEP's own addresses. */
  readonly own: readonly Address[]
  /** The neighbour to send to; undefined: there is no way. */
  nextHop(to: Address): Address | undefined
  /** The own address to send from, on the neighbour's link if there is one; undefined: none fits. */
  source(nextHop: Address): Address | undefined
}

interface Line {
  readonly prefix: Prefix
  readonly via: Address | undefined
}

/**
 * `addresses`: each with the prefix of its link, `192.0.2.11/24`; without one, every address of its
 * version is on the link. @throws WireError with what is wrong
 */
export function routes(addresses: readonly string[], to: readonly Route[] = []): Routes {
  const links = addresses.map((text) => {
    const address = parsePrefix(text.split('/')[0]!).address
    return { address, prefix: parsePrefix(text.includes('/') ? text : `${text}/0`) }
  })
  for (const { address } of links) {
    if (isMulticast(address)) throw new WireError('a VTEP address is one of one host', 0)
  }
  const lines: Line[] = links.map(({ prefix }) => ({ prefix, via: undefined }))
  for (const { to: text, via: gateway } of to) {
    const via = parseAddress(gateway)
    const four = isIpv4(via)
    const prefix = parsePrefix(text === 'default' ? (four ? '0.0.0.0/0' : '::/0') : text)
    if (isIpv4(prefix.address) !== four) {
      throw new WireError(`route ${text} via ${gateway}: two versions of IP`, 0)
    }
    lines.push({ prefix, via })
  }
  // Of equal prefixes the link wins: sort() keeps the order.
  lines.sort((a, b) => b.prefix.length - a.prefix.length)

  return {
    own: links.map(({ address }) => address),
    nextHop(address) {
      if (isMulticast(address)) return undefined
      for (let i = 0; i < lines.length; i++) {
        const { prefix, via } = lines[i]!
        // '::/0' holds the mapped IPv4 addresses too, which it does not mean.
        if (isIpv4(prefix.address) === isIpv4(address) && isIn(address, prefix)) {
          return via ?? address
        }
      }
      return undefined
    },
    source(hop) {
      let any: Address | undefined
      for (let i = 0; i < links.length; i++) {
        const { address, prefix } = links[i]!
        if (isIpv4(address) !== isIpv4(hop)) continue
        if (isIn(hop, prefix)) return address
        any ??= address
      }
      return any
    },
  }
}
