/** Hosts that are cut off from the controller and forward on, and what they had that is asked for again. */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'

const VNI = 5001
const EVERYBODY = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }
/** Until a controller has missed a host, and a host has found its controller again, on a busy machine. */
const PATIENCE_MS = 60_000

export const quarantine: readonly Scenario[] = [
  {
    name: 'a VNI that is freed while a host is cut off is nobody else’s until that host is back: nothing of it reaches the new tenant',
    topology: 'two-tenants',
    shows: { quarantine: ['open-vswitch', 'weft-switch'] },
    timeoutMs: 4 * PATIENCE_MS,
    async run(lab) {
      const heard = await broadcast(lab, 'h1.acme-vm1')
      await lab.expectOnly(heard, ['underlay', 'h1.acme-vm3', 'h2.acme-vm2'])
      const { ofport } = (await lab.get<Port>('tenants/globex/ports/vm3')).status.binding
      await lab.cutOff('h1')
      await lab.until('h1 is missed', () => isAway(lab, 'h1'), PATIENCE_MS)

      for (const path of ['ports/vm1', 'ports/vm2', 'ports/vm3', 'subnets/web', 'networks/web'])
        await lab.remove(`tenants/acme/${path}`, { realized: false })
      await lab.remove('tenants/globex/ports/vm3', { realized: false })
      await isRefused(lab)
      if (lab.backend === 'netns') {
        await lab.netns().controller.kill()
        await lab.netns().controller.start()
        await isRefused(lab)
      }

      // Another one, on both hosts, so that each takes the other for a peer.
      await put(lab, 'tenants/globex/networks/new', {})
      await put(lab, 'tenants/globex/subnets/new', { network: 'new', cidr: '10.0.0.0/24' })
      const guest = { network: 'new', mac: '02:00:00:00:00:13', addresses: ['10.0.0.13'] }
      await put(lab, 'tenants/globex/ports/vm3', { ...guest, hostId: 'h2', ofport })
      await put(lab, 'tenants/globex/ports/any', { network: 'new', hostId: 'h1', ofport: 60_000 })
      const isThere = async () => {
        const { status } = await lab.get<Port>('tenants/globex/ports/vm3')
        return status.hosts.h2?.state === 'realized'
      }
      await lab.until('the new network is on h2', isThere, PATIENCE_MS)
      await lab.expectOnly(await broadcast(lab, 'h1.acme-vm1'), ['underlay', 'h1.acme-vm3'])
      await lab.expectOnly(await broadcast(lab, 'h2.globex-vm3'), ['underlay'])

      await lab.letBack('h1')
      const isEmpty = async () => (await quarantined(lab)).length === 0
      await lab.until('h1 has given it up', isEmpty, PATIENCE_MS)
      await put(lab, 'tenants/globex/networks/again', { vni: VNI })
      await lab.expectOnly(await broadcast(lab, 'h1.acme-vm1'), [])
    },
  },
]

interface Port {
  readonly status: {
    readonly binding: { readonly ofport: number }
    readonly hosts: Readonly<Record<string, { readonly state: string }>>
  }
}

const put = (lab: ScenarioLab, path: string, spec: object) =>
  lab.put(path, spec, { realized: false })

async function broadcast(lab: ScenarioLab, name: string): Promise<Uint8Array> {
  const mark = lab.mark()
  await lab.send(name, markedPacket(mark, lab.guest(name), EVERYBODY))
  return mark
}

async function isAway(lab: ScenarioLab, hostId: string): Promise<boolean> {
  const { status } = await lab.get<Port>(`infra/hosts/${hostId}`)
  return status.hosts[hostId]?.state === 'disconnected'
}

async function quarantined(lab: ScenarioLab) {
  type Answer = { items: { kind: string; number: number; holders: string[] }[] }
  return (await lab.get<Answer>('infra/quarantine')).items
}

/** The operator sees which host holds it, the tenant only that one does. */
async function isRefused(lab: ScenarioLab): Promise<void> {
  const held = { kind: 'vni', number: VNI, holders: ['h1'] }
  const isHeld = async () => {
    const all = await quarantined(lab)
    return all.some((one) =>
      Object.entries(held).every(([k, v]) => `${one[k as 'kind']}` === `${v}`),
    )
  }
  await lab.until('h1 alone holds it', isHeld, PATIENCE_MS)
  const path = 'tenants/globex/networks/again'
  const refusal = await put(lab, path, { vni: VNI }).then(() => 'taken', String)
  if (!refusal.includes('problem:quarantined') || refusal.includes('h1'))
    throw new Error(`asked for again: ${refusal}`)
}
