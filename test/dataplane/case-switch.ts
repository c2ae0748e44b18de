/** Our switch as a peer for cases.ts: five workloads at one bridge, and a controller. */
import { hex, type Peer, PORTS } from '../fuzz/switch/peer.ts'
import { controllerEnd } from '../fuzz/switch/session.ts'
import { type Host, quiet, type Station, startHost } from './rig.ts'

export interface CaseSwitch extends Peer {
  readonly host: Host
}

export async function caseSwitch(): Promise<CaseSwitch> {
  const host = await startHost('h1')
  const stations = new Map<number, Station>()
  for (const port of PORTS) stations.set(port, host.plug(`p${port}`, port))
  await quiet(3)
  const controller = controllerEnd(host.controller)
  return {
    name: 'Weft',
    host,
    install: (messages) => controller.install(messages),
    async run(inputs) {
      for (const { port, bytes } of inputs) stations.get(port)!.send(bytes)
      await quiet(8)
      const frames = [...stations].flatMap(([port, { received }]) =>
        received.splice(0).map((frame) => `${port} ${hex(frame)}`),
      )
      return [{ frames, punts: [] }]
    },
    async close() {
      host.host.close()
    },
  }
}
