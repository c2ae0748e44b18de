/** The controller works unchanged against Open vSwitch's emulator of a hardware switch, which knows nothing of Weft. */
import type { Scenario } from './scenario.ts'

const topology = 'hardware-vtep'
const not = { memory: 'the emulator wants a kernel' }
const needs = ['pythonOvs'] as const
/** The emulator polls, and waits half a second for each tunnel port. */
const ATTEMPTS = 60

export const hardware: readonly Scenario[] = [
  {
    name: 'a port of a hardware switch, bound by declaration, reaches guests of the other kinds with jumbo frames',
    topology,
    not,
    needs,
    shows: { ping: ['ovs-vtep'], jumbo: ['ovs-vtep'] },
    async run(lab) {
      for (const { from, to } of lab.pairs()) {
        let answered = false
        for (let attempt = 0; attempt < ATTEMPTS && !answered; attempt++)
          answered = await from.ping(to.address, {
            bytes: 8972,
            timeoutMs: 500,
            signal: lab.signal,
          })
        if (!answered) throw new Error(`${from.name} does not reach ${to.name}`)
      }
    },
  },
  {
    name: 'the status of a port says what its device does not do',
    topology,
    not,
    needs,
    shows: {},
    async run(lab) {
      const { status } = await lab.get<{ status: { hosts: Record<string, { reason?: string }> } }>(
        'tenants/acme/ports/vm3',
      )
      const reason = status.hosts.h3?.reason
      const right = 'Degraded: anti_spoofing_unenforced, realization_unreported'
      if (reason !== right) throw new Error(`the reason is ${reason}`)
    },
  },
  {
    name: 'the last port of a network takes our rows along, also those that the device has learned',
    topology,
    not,
    needs,
    shows: { removal: ['ovs-vtep'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      const [name = ''] = (await host.vtepctl(['list-ls'])).split('\n')
      const [vm1, vm3] = [lab.guest('h1.acme-vm1'), lab.guest('h3.acme-vm3')]
      await lab.until('the device has learned the MAC', async () => {
        await vm3.ping(vm1.address, { bytes: 56, timeoutMs: 500 })
        return (await host.vtepctl(['list-local-macs', name])).includes('02:00:00:00:00:13')
      })
      await lab.remove('tenants/acme/ports/vm3')
      if ((await host.vtepctl(['list-ls'])) !== '') throw new Error('a Logical_Switch is left')
      const failed = await lab.events('rows_failed')
      if (failed.length > 0) throw new Error(failed.join())
    },
  },
]
