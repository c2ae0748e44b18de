/**
 * What is plugged into an `ovs` host: interfaces on br-int with an external_ids:iface-id, which the switch has given an
 * ofport. Neighbours: `bindings.ts` judges them, `host-session.ts`.
 */
import { lastWorkloadOfport } from '../model/values.ts'
import type { Plug } from './bindings.ts'
import { type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'

export function* plugsOf(replica: HostReplica): Iterable<Plug> {
  for (const { name, ofport, external_ids } of integrationInterfaces(replica)) {
    const ifaceId = external_ids['iface-id']
    if (ifaceId === undefined || ofport === undefined || ofport <= 0) continue
    const objection =
      ofport > lastWorkloadOfport ? `its ofport ${ofport} is not for workloads` : undefined
    yield { ifaceId, name, at: { ofport }, objection }
  }
}

function* integrationInterfaces(replica: HostReplica) {
  for (const bridge of replica.table('Bridge').values()) {
    if (bridge.name !== INTEGRATION_BRIDGE) continue
    for (const uuid of bridge.ports) {
      for (const iface of replica.table('Port').get(uuid)?.interfaces ?? []) {
        const row = replica.table('Interface').get(iface)
        if (row) yield row
      }
    }
  }
}
