/** What is true of an object on hosts, in one cell. Neighbours: views.ts, ../commands/watch.ts. */
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
