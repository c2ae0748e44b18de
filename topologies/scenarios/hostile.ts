/**
 * What hostile guests send beyond what the checks of every lab hold (topologies/lab/checks), as claims: each lie has its
 * control, the same without the lie, which arrives.
 */
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { ethernetFrame, vxlanFrame } from '../../southbound/wire/frame.ts'
import { arrow, type Claims, type Delivery, unicast, workloadSender } from '../lab/checks/claims.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import { forNobody, losesPriorityTags, together } from '../lab/checks/manners.ts'
import { type Pair, peersOf, type Site, sharesAddress } from '../lab/checks/site.ts'

const MACS_SIZE = 12
const [CUSTOMER, SERVICE] = [0x8100, 0x88a8]

const pairsOf = ({ samples }: Site): Pair[] => samples.flatMap((sample) => peersOf(sample))

/** A frame with one more tag behind its MACs. */
function tagged(frame: Uint8Array, tpid: number, vid: number): Uint8Array {
  const tag = Uint8Array.of(tpid >> 8, tpid & 255, vid >> 8, vid & 255)
  return Buffer.concat([frame.subarray(0, MACS_SIZE), tag, frame.subarray(MACS_SIZE)])
}

type Tags = readonly (readonly [tpid: number, vid: number])[]

/** Outermost last. */
const TAGS: readonly (readonly [what: string, tags: Tags])[] = [
  ['a tag', [[CUSTOMER, 7]]],
  [
    'two tags',
    [
      [CUSTOMER, 8],
      [CUSTOMER, 7],
    ],
  ],
  ['a service tag', [[SERVICE, 7]]],
  [
    'a service tag around a tag',
    [
      [CUSTOMER, 8],
      [SERVICE, 7],
    ],
  ],
]

const HIDDEN: typeof TAGS = [
  [
    'a priority tag around a tag',
    [
      [CUSTOMER, 8],
      [CUSTOMER, 0],
    ],
  ],
]

/** Of access ports: a priority tag (VID 0) passes, any other tag does not. */
export const tagClaims = (site: Site): Claims => tagsRefused(site, TAGS, 'untagged')

/** The tag behind a priority tag, also when a switch has just let a priority tag alone pass. */
export const hiddenTagClaims = (site: Site): Claims => tagsRefused(site, HIDDEN, 'priority')

/** @param control what is sent, and arrives, just before each frame that is refused */
function tagsRefused(site: Site, refused: typeof TAGS, control: 'untagged' | 'priority'): Claims {
  return together(
    pairsOf(site).map(({ sender, peer }) => {
      const bare = unicast(sender, peer)
      const priority: Delivery = {
        ...bare,
        what: `${bare.what} with a priority tag`,
        frame: (mark) => tagged(markedPacket(mark, sender, peer), CUSTOMER, 0),
      }
      const lost = losesPriorityTags(site.lab, sender.hostId)
      const refusals = refused.map(([what, tags]) => ({
        what: `${bare.what} with ${what}`,
        control: control === 'priority' && !lost ? priority : bare,
        frame: (mark: Uint8Array) =>
          tags.reduce(
            (frame, [tpid, vid]) => tagged(frame, tpid, vid),
            markedPacket(mark, sender, peer),
          ),
        hostId: sender.hostId,
        reason: 'vlan_not_allowed',
        // Behind a priority tag it is another rule that drops there.
        ...(control === 'priority' && { uncounted: lost }),
      }))
      return lost ? { refusals, leftOut: [lost] } : { deliveries: [priority], refusals }
    }),
  )
}

const [ICMPV6, ADVERTISEMENT, SOLICITATION] = [58, 136, 135]
const ALL_NODES = 0x3333_0000_0001

/** fe80:: with the 32 bits of an IPv4 address behind: a neighbour that the others could believe in. */
const linkLocal = (address: number): Uint8Array => {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16BE(0xfe80)
  bytes.writeUInt32BE(address, 12)
  return bytes
}

/** The target is at `mac`, says the sender; RFC 4861 §4.3, §4.4. The mark is in a nonce option, RFC 3971 §5.3.2. */
function discovery(
  mark: Uint8Array,
  of: { type: number; sender: Pair['sender']; source: number; target: number; mac: number },
): Uint8Array {
  const source = linkLocal(of.source)
  const destination = Buffer.from('ff020000000000000000000000000001', 'hex')
  const body = Buffer.alloc(24 + 8 + 16)
  body[0] = of.type
  body[4] = 0x60
  body.set(linkLocal(of.target), 8)
  body.set([of.type === ADVERTISEMENT ? 2 : 1, 1], 24)
  body.writeUIntBE(of.mac, 26, 6)
  body.set([14, 2], 32)
  body.set(mark, 34)
  const size = Buffer.alloc(8)
  size.writeUInt32BE(body.length)
  size[7] = ICMPV6
  const whole = Buffer.concat([source, destination, size, body])
  body.writeUInt16BE(internetChecksum(whole, 0, whole.length), 2)
  const head = Buffer.from([0x60, 0, 0, 0, 0, body.length, ICMPV6, 255])
  const payload = Buffer.concat([head, source, destination, body])
  return ethernetFrame({ src: of.sender.mac, dst: ALL_NODES, type: ETH_TYPE.ipv6, payload })
}

/** Of ports with IPv4 addresses alone: nobody is a neighbour by IPv6, whoever he says he is. */
export function discoveryClaims(site: Site): Claims {
  return together(
    pairsOf(site).map(({ sender, peer }) => {
      const control = unicast(sender, peer)
      const lies = [
        ['an advertisement for the peer', ADVERTISEMENT, sender.address, peer.address],
        ['an advertisement in the name of the peer', ADVERTISEMENT, peer.address, peer.address],
        ['a solicitation in the name of the peer', SOLICITATION, peer.address, sender.address],
      ] as const
      const refusals = lies.map(([what, type, source, target]) => ({
        what: `${sender.name}: ${what} ${peer.name}`,
        control,
        frame: (mark: Uint8Array) =>
          discovery(mark, { type, sender, source, target, mac: sender.mac }),
        hostId: sender.hostId,
        reason: 'port_security',
      }))
      return { refusals }
    }),
  )
}

/**
 * VXLAN that a guest makes itself, with the VNI of another tenant and a frame for his guest inside. To a peer it is a packet
 * like any other, which arrives there as it is; to a VTEP it is for nobody. The frame inside is seen nowhere.
 */
export function nestedClaims(site: Site): Claims {
  const { lab } = site
  return together(
    pairsOf(site).map(({ network, sender, peer }) => {
      const other = site.networks.find(sharesAddress(network))
      const victim = other?.workloads.find(({ hostId }) => hostId === peer.hostId)
      const vtep = lab.underlay.hosts[peer.hostId]
      if (other?.vni === undefined || !victim || vtep?.address === undefined) return {}
      const { vni } = other
      const nested = (mark: Uint8Array, to: { mac: number; address: number }) =>
        vxlanFrame({
          ...{ eth_src: sender.mac, eth_dst: to.mac, vni, udp_src: 50_000 },
          ...{ ipv4_src: sender.address, ipv4_dst: to.address },
          inner: markedPacket(mark, sender, victim),
        })
      const delivery = (what: string, address: number): Delivery => ({
        what: `${arrow(sender, peer)}: ${what}`,
        from: workloadSender(sender),
        frame: (mark) => nested(mark, { mac: peer.mac, address }),
        to: [peer.name],
        crossesUnderlay: sender.hostId !== peer.hostId,
        // A kernel that has no such port open says so, and quotes the packet.
        tolerated: [sender.name],
        outcome: 'VXLAN of guests arrived as it was',
      })
      const away = (vtep.address ?? 0) as number
      const toPeer = delivery('VXLAN', peer.address)
      const toVtep = forNobody(lab, network, sender, {
        what: `${sender.name}: VXLAN to the VTEP of ${peer.hostId}`,
        control: toPeer,
        frame: (mark) => nested(mark, { mac: vtep.mac, address: away }),
        reason: 'mac_unknown',
      })
      return together([{ deliveries: [toPeer, delivery('VXLAN for a VTEP', away)] }, toVtep])
    }),
  )
}
