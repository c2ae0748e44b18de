/**
 * A Realization for tests of the REST server alone: a site without hosts to wait for, unless `hold`
 * says so.
 */
import type { ControllerEvent, Realization } from '../../../controller/northbound/realization.ts'
import type { Store } from '../../../controller/store/store.ts'

export interface RealizedAtOnce extends Realization {
  /** From now on nothing is realized, until `release`. */
  hold(): void
  release(): void
}

export function realizedAtOnce(store: Store): RealizedAtOnce {
  const events: ControllerEvent[] = []
  const listeners = new Set<(event: ControllerEvent) => void>()
  let held: PromiseWithResolvers<void> | undefined
  store.onCommit(({ snapshot, changes }) => {
    for (const { collection, key } of changes) {
      const message = `${collection} ${key}`
      const at = '2026-11-22T12:00:00.000Z'
      const event = {
        id: events.length + 1,
        at,
        type: 'changed',
        message,
        revision: snapshot.revision,
      }
      events.push(event)
      for (const tell of listeners) tell(event)
    }
  })
  return {
    status: (_, { revision }) => ({
      ...{ realized: !held, revision, hosts: {}, conditions: [] },
      observedRevision: held ? revision - 1 : revision,
    }),
    async whenRealized(_collection, _key, _revision, signal) {
      signal.throwIfAborted()
      if (!held) return
      const aborted = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true })
      await Promise.race([held.promise, aborted.promise])
    },
    whenFree: async () => false,
    preview: () => ({}),
    inspect: async () => ({
      ...{ revision: store.snapshot.revision, at: undefined },
      ...{ desired: 0, differences: 0, length: 0 },
      item: () => {
        throw new RangeError('there is none')
      },
    }),
    confirmed: () => (held ? undefined : store.snapshot.revision),
    counters: async () => undefined,
    drops: async (hostId) =>
      hostId === 'h1' ? [{ reason: 'port_security', port: 'acme/vm1', packets: 3 }] : undefined,
    events: (since = 0) => events.filter(({ id }) => id > since),
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    trace: ({ from, to }) => ({ from, to, verdict: 'delivered', walks: [], advice: [] }),
    inject: async () => [],
    pendingHosts: () => [{ phase: 'pending', systemId: 'stranger' }],
    adoption: async (host) =>
      host === 'h1' ? { host, state: 'free', rows: [], ports: [] } : undefined,
    hold() {
      held ??= Promise.withResolvers<void>()
    },
    release() {
      held?.resolve()
      held = undefined
    },
  }
}
