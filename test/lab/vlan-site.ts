/**
 * Two hosts on a physical network, on the memory lab, and machines on it that Weft does not know: `topologies/vlan.yaml`.
 * Guest hN.vmM is port M of tenant acme, with 10.0.0.M; the tens digit is its network.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { parseDocument } from '../../controller/model/document.ts'
import type { Hub } from '../../dataplane/ports/hub.ts'
import { memoryPort } from '../../dataplane/ports/memory.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { createGuest, type Guest } from '../../topologies/lab/guest.ts'
import type { Workload } from '../../topologies/lab/lab.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'

const MTU = 9000

const FILE = new URL('../../topologies/vlan.yaml', import.meta.url)
const text = readFileSync(FILE, 'utf8')

/** As it stands in the file. */
export const vlanDocument = parse(text) as { readonly hosts: Readonly<Record<string, object>> }

export interface VlanSite {
  readonly lab: MemoryLab
  readonly office: Hub
  guest(n: number): Workload
  /** A machine on the physical network, whose frames have this tag. */
  machine(n: number, vid?: number): Guest & { readonly frames: readonly Uint8Array[] }
  drops(host: string, reason: string): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openVlanSite(): Promise<VlanSite> {
  const document = parseDocument(text, 'vlan.yaml')
  const lab = await openMemoryLab({ document, signal: AbortSignal.timeout(15_000) })
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
