/**
 * Whose events are whose: a tenant sees what happened to its own objects and to nobody else's, of the types that say
 * nothing of the site. Neighbours: observations.ts, event-stream.ts.
 */
import type { ControllerEvent } from './realization.ts'

const ofTenants: ReadonlySet<string> = new Set([
  'port_bound',
  'port_unbound',
  'binding_refused',
  'frames_dropped',
  'item_failed',
  'device_fault',
])

/** @param tenant undefined: of the site, which sees all @param after id of the last event that is not for it */
export function seenBy(
  tenant: string | undefined,
  after = Number.NEGATIVE_INFINITY,
): (event: ControllerEvent) => boolean {
  if (tenant === undefined) return () => true
  return (event) => {
    if (event.id <= after || !ofTenants.has(event.type)) return false
    const tenants = tenantsOf(event)
    return tenants.size === 1 && tenants.has(tenant)
  }
}

/** Tenants of all that an event names: a port 'acme/vm1', intents 'port/acme/vm1' and 'tenant/acme'. */
function tenantsOf({ port, from, intent }: ControllerEvent): ReadonlySet<string> {
  const intents = [from, intent].flat().filter((each) => typeof each === 'string')
  const ofIntents = intents.map((each) => each.split('/')[1] ?? '')
  const ofPort = typeof port === 'string' ? [port.split('/')[0] ?? ''] : []
  return new Set([...ofPort, ...ofIntents])
}
