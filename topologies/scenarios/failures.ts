/** What somebody changes on hosts behind Weft's back. Real ones: the kernel, Open vSwitch. */
import { operations } from '../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { reaches } from './pinging.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'

const topology = 'three-kinds'
const not = { memory: 'there is no kernel to change' }
const VNI = 5001
const { update, deleteRows } = operations(hardwareVtep)

/** Does it by hand on h3, and sees it undone and told. */
async function repaired(lab: ScenarioLab, line: string, recorded: string): Promise<void> {
  const { length } = await lab.events('drift')
  await lab.netns().vtep('h3').exec(line.split(' '))
  await lab.until(`told: ${recorded}`, async () =>
    (await lab.events('drift')).slice(length).some((message) => message.includes(recorded)),
  )
  await reaches(lab, 'h3.acme-vm3', 'h1.acme-vm1')
  await reaches(lab, 'h2.acme-vm2', 'h3.acme-vm3')
}

export const failures: readonly Scenario[] = [
  {
    name: 'a VXLAN device deleted by hand is made again',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    run: (lab) => repaired(lab, `ip link del vx${VNI}`, `device vx${VNI} was gone`),
  },
  {
    name: 'an FDB entry that is forged, or added, is put right',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    async run(lab) {
      const where = `dev vx${VNI} dst 192.0.2.99 self static`
      const entry = (mac: string) => `fdb vx${VNI} ${mac} self was 192.0.2.99 static`
      const forged = '02:00:00:00:00:11'
      await repaired(lab, `bridge fdb replace ${forged} ${where}`, entry(forged))
      const added = '02:00:00:00:00:99'
      await repaired(lab, `bridge fdb add ${added} ${where}`, entry(added))
    },
  },
  {
    name: 'rows of a host that somebody wrote are put right',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      const names = (await host.vtepctl(['list-ls'])).split('\n')
      for (const name of names) await host.vtepctl(['set', 'Logical_Switch', name, 'tunnel_key=77'])
      await lab.until('the keys are right', async () => {
        const keys = await Promise.all(
          names.map((name) => host.vtepctl(['get', 'Logical_Switch', name, 'tunnel_key'])),
        )
        return keys.sort().join() === '5001,5002'
      })
      await lab.until('told', async () =>
        (await lab.events('drift')).some((message) => message.includes('tunnel_key')),
      )
      await reaches(lab, 'h3.acme-vm3', 'h1.acme-vm1')
    },
  },
  {
    name: 'flows and groups deleted by hand are put back',
    topology,
    not,
    shows: { repair: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      for (const id of ['h1', 'h2']) {
        const { length } = await lab.events('drift')
        await lab.netns().host(id).ofctl(['del-flows', 'br-int'])
        await lab.netns().host(id).ofctl(['del-groups', 'br-int'])
        await lab.until(`${id} is told`, async () => (await lab.events('drift')).length > length)
        await reaches(lab, 'h1.acme-vm1', 'h2.acme-vm2')
        await reaches(lab, 'h2.acme-vm2', 'h3.acme-vm3')
      }
    },
  },
  {
    name: 'rows that somebody wrote into the database of an agent with weft switch are put right and recorded',
    topology,
    not: { netns: 'rows of a host that somebody wrote are put right' },
    shows: { repair: ['weft-vtep'] },
    async run(lab) {
      const { database } = lab.memory().hosts.get('h3')?.vtep?.agent ?? {}
      if (!database) throw new Error('h3 has no database')
      const keys = () => [...database.table('Logical_Switch').values()].map((row) => row.tunnel_key)
      const right = keys().join()
      const { length } = await lab.events('drift')
      for (const { _uuid } of database.table('Logical_Switch').values())
        database.transact([update('Logical_Switch', _uuid, { tunnel_key: 77 })])
      database.transact([deleteRows('Ucast_Macs_Remote', [])])
      await lab.until('the VNIs are right', () => keys().join() === right)
      await lab.until('told', async () => {
        const told = (await lab.events('drift')).slice(length)
        return ['tunnel_key', 'remote MAC'].every((what) =>
          told.some((message) => message.includes(what)),
        )
      })
      await reaches(lab, 'h3.acme-vm3', 'h1.acme-vm1')
      await reaches(lab, 'h2.acme-vm2', 'h3.acme-vm3')
    },
  },
]
