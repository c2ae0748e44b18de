/**
 * The VTEP answers echo requests (RFC 792, RFC 4443 §4.1), so that peers can find out how large a packet gets here: a vtep host
 * asks by ICMP. Whole packets to an address of ours alone; fragments stay unanswered. Neighbour: raw-underlay.ts.
 */
import { internetChecksum, updateChecksum } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { type Address, isOneHost, newAddress, readIpv6, setIpv4 } from './address.ts'

const [REQUEST_V6, REPLY_V6] = [128, 129]
const TTL = 64
const IHL = 5

/** The frame that answers one; undefined: it is no echo request to us. Nothing is kept of `bytes`. */
export function echoReply(
  bytes: Uint8Array,
  start: number,
  end: number,
  isOurs: (address: Address) => boolean,
): Uint8Array | undefined {
  const ip = start + ethernet.size
  const type = ethernet.get.type(bytes, start)
  if (type === ETH_TYPE.ipv4) return replyIpv4(bytes, start, ip, end, isOurs)
  return type === ETH_TYPE.ipv6 ? replyIpv6(bytes, start, ip, end, isOurs) : undefined
}

function replyIpv4(
  bytes: Uint8Array,
  start: number,
  ip: number,
  end: number,
  isOurs: (address: Address) => boolean,
): Uint8Array | undefined {
  const at = ip + ipv4.size
  if (at + icmpEcho.size > end || ipv4.get.protocol(bytes, ip) !== IP_PROTO.icmp) return undefined
  const { version, ihl, totalLength, moreFragments, fragmentOffset, src, dst } = ipv4.read(
    bytes,
    ip,
  )
  const stop = ip + totalLength
  if (version !== 4 || ihl !== IHL || stop > end || at + icmpEcho.size > stop) return undefined
  if (moreFragments || fragmentOffset > 0 || internetChecksum(bytes, ip, at) !== 0) return undefined
  const [from, to] = [newAddress(), newAddress()]
  setIpv4(from, src)
  setIpv4(to, dst)
  if (!isOurs(to) || isOurs(from) || !isOneHost(from)) return undefined
  const reply = turned(bytes, start, stop, at - start, [ICMP_ECHO_REQUEST, ICMP_ECHO_REPLY])
  if (!reply) return undefined
  const header = ip - start
  ipv4.set.src(reply, header, dst)
  ipv4.set.dst(reply, header, src)
  ipv4.set.ttl(reply, header, TTL)
  ipv4.set.checksum(reply, header, 0)
  ipv4.set.checksum(reply, header, internetChecksum(reply, header, header + ipv4.size))
  return reply
}

function replyIpv6(
  bytes: Uint8Array,
  start: number,
  ip: number,
  end: number,
  isOurs: (address: Address) => boolean,
): Uint8Array | undefined {
  const at = ip + ipv6.size
  if (at + icmpEcho.size > end || ipv6.get.nextHeader(bytes, ip) !== IP_PROTO.icmpv6)
    return undefined
  const stop = at + ipv6.get.payloadLength(bytes, ip)
  if (stop > end || at + icmpEcho.size > stop) return undefined
  const [from, to] = [newAddress(), newAddress()]
  const { src, dst } = ipv6.read(bytes, ip)
  readIpv6(bytes, ip + 8, from)
  readIpv6(bytes, ip + 24, to)
  if (!isOurs(to) || isOurs(from) || !isOneHost(from)) return undefined
  const reply = turned(bytes, start, stop, at - start, [REQUEST_V6, REPLY_V6])
  if (!reply) return undefined
  // The pseudo header has the same sum the other way round.
  ipv6.set.src(reply, ip - start, dst)
  ipv6.set.dst(reply, ip - start, src)
  ipv6.set.hopLimit(reply, ip - start, TTL)
  return reply
}

/** The frame on its way back, but for the IP header. @param at of the ICMP message in the frame */
function turned(
  bytes: Uint8Array,
  start: number,
  stop: number,
  at: number,
  [request, answer]: readonly [request: number, answer: number],
): Uint8Array | undefined {
  const { type, code, checksum } = icmpEcho.read(bytes, start + at)
  if (type !== request || code !== 0) return undefined
  const reply = bytes.slice(start, stop)
  ethernet.set.dst(reply, 0, ethernet.get.src(bytes, start))
  ethernet.set.src(reply, 0, ethernet.get.dst(bytes, start))
  icmpEcho.set.type(reply, at, answer)
  icmpEcho.set.checksum(reply, at, updateChecksum(checksum, request << 8, answer << 8))
  return reply
}
