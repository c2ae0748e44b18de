/** What is true of an object on hosts, in one cell. Neighbours: views.ts; ../commands/watch.ts has a line of it. */
import type { Status } from '../../controller/northbound/realization.ts'
import type { Cell } from './table.ts'
import type { Style } from './terminal.ts'

/** States of hosts, the worst first. */
const states = ['failed', 'disconnected', 'pending'] as const
const styles: Readonly<Record<string, Style>> = {
  ...{ realized: 'green', pending: 'yellow', disconnected: 'yellow', failed: 'red' },
}
/** More hosts are counted, not named. */
const NAMED = 3

/** 'realized', 'realized, degraded: …', 'unplugged: …': by its conditions, why included. */
export function progressOf(status: Partial<Status> | undefined): Exclude<Cell, string> {
  const condition = (type: string) => status?.conditions?.find((each) => each.type === type)
  const [realized, degraded] = [condition('Realized'), condition('Degraded')]
  if (!realized) {
    const state = stateOf(status, { why: true })
    return typeof state === 'string' ? { text: 'pending', style: 'yellow' } : state
  }
  if (realized.status !== 'true') {
    const style = waits.has(realized.reason) ? 'yellow' : 'red'
    return { text: `${realized.reason}: ${realized.message}`, style }
  }
  if (degraded?.status !== 'true') return { text: 'realized', style: 'green' }
  return { text: `realized, degraded: ${degraded.message}`, style: 'yellow' }
}

/** Reasons that may go by waiting. */
const waits: ReadonlySet<string> = new Set(['pending', 'unplugged', 'still_joined', 'disconnected'])

export const styleOf = (state: string): Style | undefined => styles[state]

/** 'realized', 'pending: h1, h2'; with `why` also 'failed: h1 (no such port)', which may be long. */
export function stateOf(status: Partial<Status> | undefined, { why = false } = {}): Cell {
  if (!status) return ''
  if (status.realized) return { text: 'realized', style: 'green' }
  const hosts = Object.entries(status.hosts ?? {})
  const worst = states.find((state) => hosts.some(([, host]) => host.state === state)) ?? 'pending'
  const concerned = hosts.filter(([, host]) => host.state === worst)
  const [first] = concerned
  const reason = status.reason ?? first?.[1].reason
  const ids = concerned.slice(0, NAMED).map(([id]) => id)
  const more = concerned.length > NAMED ? ` and ${concerned.length - NAMED} more` : ''
  const where = ids.length > 0 ? `: ${ids.join(', ')}${more}` : ''
  const reasons =
    !why || reason === undefined ? '' : ids.length > 0 ? ` (${reason})` : `: ${reason}`
  return { text: `${worst}${where}${reasons}`, style: styles[worst] ?? 'yellow' }
}
