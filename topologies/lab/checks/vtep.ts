/**
 * Row: a host takes VXLAN from VTEPs of the network only, and under VNIs of the site only. A stranger on
 * the underlay sends what a peer's VTEP would send (which arrives), then the same from an address that is
 * no VTEP, then from the peer's address under a VNI that nobody has: one thing wrong at a time.
 */
import { vxlanFrame } from '../../../southbound/wire/frame.ts'
import { type Claims, type Delivery, type Refusal, underlaySender } from './claims.ts'
import { markedPacket } from './frames.ts'
import { uncounted } from './manners.ts'
import type { Sample, Site } from './site.ts'

const MAX_VNI = 0xff_ffff

export function missingVteps({ samples }: Site): string[] {
  return samples.some((sample) => sample.remote) ? [] : ['no network has guests on two hosts']
}

export function vtepClaims(site: Site): Claims {
  return { refusals: site.samples.flatMap((sample) => refusals(site, sample)) }
}

function refusals({ lab, vnis }: Site, sample: Sample): Refusal[] {
  const { underlay } = lab
  const { network, sender: target, remote } = sample
  const here = underlay.hosts[target.hostId]
  const peer = remote && underlay.hosts[remote.hostId]
  const { vni } = network
  const [to4, from4] = [here?.address, peer?.address]
  if (!remote || !here || vni === undefined || to4 === undefined || from4 === undefined) return []

  const frame = (ipv4_src: number, under: number) => (mark: Uint8Array) =>
    vxlanFrame({
      eth_dst: here.mac,
      // Never the peer's MAC: the underlay's bridge would learn it at the stranger's port.
      eth_src: underlay.rogueMac,
      ipv4_src,
      ipv4_dst: to4,
      vni: under,
      inner: markedPacket(mark, remote, target),
    })
  const control: Delivery = {
    what: `VXLAN to ${target.name} from the VTEP of ${remote.hostId}, VNI ${vni}`,
    from: underlaySender(underlay),
    frame: frame(from4, vni),
    to: [target.name],
    crossesUnderlay: false,
    outcome: 'valid frames arrived',
  }
  const to = { control, hostId: target.hostId }
  const nobodys = freeVni(vnis)
  return [
    {
      ...to,
      what: `VXLAN to ${target.name} from an address that is no VTEP, VNI ${vni}`,
      frame: frame(underlay.rogueAddress, vni),
      reason: 'vtep_unknown',
      uncounted: uncounted(lab, target.hostId, 'vtep_unknown'),
    },
    {
      ...to,
      what: `VXLAN to ${target.name} from the VTEP of ${remote.hostId}, VNI ${nobodys}`,
      frame: frame(from4, nobodys),
      reason: 'vni_unknown',
      uncounted: uncounted(lab, target.hostId, 'vni_unknown'),
    },
  ]
}

/** The highest VNI that no network has. */
function freeVni(vnis: ReadonlySet<number>): number {
  let vni = MAX_VNI
  while (vnis.has(vni)) vni -= 1
  return vni
}
