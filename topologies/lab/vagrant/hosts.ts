/**
 * Hosts and the controller of a Vagrant lab: services of systemd that topologies/vagrant/provision.sh has set up. Neighbours:
 * ../real.ts (what tests of faults want of them), guests.ts.
 */

import { plugRows } from '../netns/ovs-host.ts'
import type { WorkloadPlan } from '../netns/plan.ts'
import type { RealHost, RealOvsHost, RealVtepHost } from '../real.ts'
import type { Machine } from './machine.ts'

/** Counters of flows follow the packets at this interval. */
const MAX_REVALIDATOR_MS = 100
const AGENT = 'weft-agent.service'
const CONTROLLER = 'weft-controller.service'

export interface VagrantHost extends RealHost {
  /** Says which guest's interface is which port. */
  plug(guests: readonly { readonly guest: WorkloadPlan; readonly uuid: string }[]): Promise<void>
}

/** SIGKILL, and systemd does not start it again; resolves when it is gone. */
const kill = async (machine: Machine, unit: string): Promise<void> => {
  const script = `systemctl kill --signal=SIGKILL ${unit} || true; systemctl stop ${unit}`
  await machine.run(['sh', '-c', script])
}

const shellOf = (machine: Machine): RealHost => ({
  id: machine.name,
  exec: (argv, options) => machine.run(argv, options),
  launch: machine.launch,
})

/** Of kind ovs. */
export function ovsHostOn(machine: Machine): RealOvsHost & VagrantHost {
  const vsctl: RealOvsHost['vsctl'] = (args, options) =>
    machine.run(['ovs-vsctl', ...args], options)
  return {
    ...shellOf(machine),
    vsctl,
    ofctl: (args, options) => machine.run(['ovs-ofctl', '-O', 'OpenFlow13', ...args], options),
    async plug(guests) {
      const rows = guests.flatMap(({ guest, uuid }) => plugRows(guest, uuid))
      const interval = `other_config:max-revalidator=${MAX_REVALIDATOR_MS}`
      await vsctl(['--timeout=120', 'wait-until', 'Bridge', 'br-int'])
      await vsctl(['--timeout=120', 'set', 'Open_vSwitch', '.', interval, ...rows])
    },
  }
}

/** Of kind vtep. */
export function vtepHostOn(machine: Machine): RealVtepHost & VagrantHost {
  return {
    ...shellOf(machine),
    kill: () => kill(machine, AGENT),
    async start({ emptyDatabase }) {
      if (emptyDatabase) await machine.run(['rm', '-rf', '/run/weft'])
      await machine.run(['systemctl', 'start', AGENT])
    },
    async plug(guests) {
      const lines = guests.map(({ guest, uuid }) => `link set dev ${guest.device} alias ${uuid}`)
      if (lines.length > 0)
        await machine.run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` })
    },
  }
}

export interface VagrantController {
  kill(): Promise<void>
  /** On the store that is there. */
  start(): Promise<void>
  /** On an empty store with this document. @param document text of it */
  startAfresh(document: string): Promise<void>
}

export function controllerOn(machine: Machine): VagrantController {
  const start = async () => void (await machine.run(['systemctl', 'start', CONTROLLER]))
  return {
    kill: () => kill(machine, CONTROLLER),
    start,
    async startAfresh(document) {
      await kill(machine, CONTROLLER)
      const script = 'rm -f /var/lib/weft/site.db*; cat > /var/lib/weft/site.yaml'
      await machine.run(['sh', '-ec', script], { input: document })
      await start()
    },
  }
}
