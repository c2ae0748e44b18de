/**
 * Two hosts on a physical network, on the memory lab: each has a bridge to it whose uplink is a cable to one segment, on
 * which machines sit that Weft does not know. The networks of each type that use it, a trunk, tags.
 */
import { parseDocument } from '../../controller/model/document.ts'
import type { Hub } from '../../dataplane/ports/hub.ts'
import { memoryPort } from '../../dataplane/ports/memory.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { createGuest, type Guest } from '../../topologies/lab/guest.ts'
import type { Workload } from '../../topologies/lab/lab.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'

const MTU = 9000
/** What uplinks take, so that a flow drops what is too long and not the cable. */
const UPLINK_MTU = 9100

const port = (network: string, n: number, more: object = {}) => ({
  network,
  mac: `02:00:00:00:00:${n}`,
  addresses: [`10.0.0.${n}`],
  ...more,
})
const onOffice = { physicalNetwork: 'office', mtuBytes: MTU }
const host = (n: number, bridges: object = {}) => ({
  vtepAddress: `192.0.2.1${n}`,
  underlayMtuBytes: 9100,
  bridges,
})
const subnets = (...networks: string[]) =>
  Object.fromEntries(networks.map((network) => [network, { network, cidr: '10.0.0.0/24' }]))

/** Guest hN.vmM is port M of tenant acme, with 10.0.0.M; the tens digit is its network. */
export const vlanDocument = {
  name: 'vlan',
  underlay: { mtuBytes: 9100 },
  physicalNetworks: { office: { mtuBytes: MTU } },
  hosts: {
    h1: host(1, {
      'br-office': { uplinks: ['eth1'], physicalNetwork: 'office', mtuBytes: UPLINK_MTU },
    }),
    h2: host(2, {
      'br-office': { uplinks: ['eth1'], physicalNetwork: 'office', mtuBytes: UPLINK_MTU },
    }),
  },
  tenants: {
    acme: {
      networks: {
        desk: { type: 'vlan', vid: 100, ...onOffice },
        bare: { type: 'flat', ...onOffice },
        wide: {
          vni: 6000,
          mtuBytes: 1500,
          extension: { physicalNetwork: 'office', vid: 7, hostId: 'h1' },
        },
        web: { vni: 5001, mtuBytes: MTU },
        tags: { vni: 5002, mtuBytes: 1500, vlanTransparent: true },
        deep: { vni: 5003, mtuBytes: 1500, vlanTransparent: 'qinq' },
      },
      subnets: subnets('desk', 'bare', 'wide', 'web', 'tags', 'deep'),
      ports: {
        vm11: port('desk', 11),
        vm12: port('desk', 12),
        vm13: port('desk', 13, { parent: 'vm41', vid: 30 }),
        vm21: port('bare', 21),
        vm22: port('bare', 22),
        vm31: port('wide', 31),
        vm32: port('wide', 32),
        vm41: port('web', 41),
        vm42: port('web', 42),
        vm51: port('tags', 51),
        vm52: port('tags', 52),
        vm61: port('deep', 61),
        vm62: port('deep', 62),
      },
    },
  },
  workloads: Object.fromEntries(
    [11, 12, 21, 22, 31, 32, 41, 42, 51, 52, 61, 62].map((n) => [
      `h${n % 10}.vm${n}`,
      `acme/vm${n}`,
    ]),
  ),
}

export interface VlanSite {
  readonly lab: MemoryLab
  readonly office: Hub
  guest(n: number): Workload
  /** A machine on the physical network, whose frames have this tag. */
  machine(n: number, vid?: number): Guest & { readonly frames: readonly Uint8Array[] }
  drops(host: string, reason: string): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openVlanSite(document: object = vlanDocument): Promise<VlanSite> {
  const parsed = parseDocument(JSON.stringify(document), 'vlan.json')
  const lab = await openMemoryLab({ document: parsed, signal: AbortSignal.timeout(15_000) })
  const office = lab.physicalNetworks.get('office')
  if (!office) throw new Error('no uplink to office')
  const closing: (() => void)[] = []
  return {
    lab,
    office,
    guest(n) {
      const found = lab.workloads.get(`h${n % 10}.vm${n}`)
      if (!found) throw new Error(`no guest ${n}`)
      return found
    },
    machine(n, vid) {
      const nic = memoryPort({ name: `machine${n}`, mtuBytes: MTU + 8 })
      const frames: Uint8Array[] = []
      const guest = createGuest({
        mac: macOf(n),
        address: addressOf(n),
        mtuBytes: MTU,
        transmit: (frame) => nic.send(vid === undefined ? frame : tagged(frame, vid)),
        now: () => performance.now(),
      })
      nic.onFrame((frame) => {
        const [tag, ...more] = tagsOf(frame)
        if (tag !== vid || more.length > 0) return
        frames.push(frame)
        guest.receive(vid === undefined ? frame : untagged(frame))
      })
      closing.push(office.attach(nic), () => guest.close())
      return { ...guest, frames }
    },
    async drops(hostId, reason) {
      const answer = await fetch(`${lab.url}/v1/infra/hosts/${hostId}/drops`)
      const { drops } = (await answer.json()) as { drops: { reason: string; packets: number }[] }
      return drops.reduce((sum, each) => sum + (each.reason === reason ? each.packets : 0), 0)
    },
    async [Symbol.asyncDispose]() {
      for (const end of closing) end()
      await lab.close()
    },
  }
}

export const macOf = (n: number): number => parseMac(`02:00:00:00:00:${n}`)
export const addressOf = (n: number): number => parseIpv4(`10.0.0.${n}`)

/** The frame with tags put in front of its type, the first one outermost; TPID 0x8100. */
export function tagged(frame: Uint8Array, ...tags: number[]): Uint8Array {
  const tagBytes = tags.flatMap((tci) => [0x81, 0x00, tci >> 8, tci & 0xff])
  return Uint8Array.from([...frame.subarray(0, 12), ...tagBytes, ...frame.subarray(12)])
}

export function untagged(frame: Uint8Array): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)])
}

/** VIDs of the tags of a frame. */
export function tagsOf(frame: Uint8Array): number[] {
  const vids: number[] = []
  for (let at = 12; frame[at] === 0x81 && frame[at + 1] === 0; at += 4)
    vids.push((((frame[at + 2] ?? 0) << 8) | (frame[at + 3] ?? 0)) & 0xfff)
  return vids
}
