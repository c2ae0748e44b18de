/** What keeps the event loop busy when a lab does not come to rest: the places in the code that ask for a turn, with their counts. */
import { createHook } from 'node:async_hooks'

/** Turns that are watched. */
const WATCHED = 5
/** Places that are named. */
const NAMED = 3

export async function whatKeepsGoing(): Promise<string> {
  const places = new Map<string, number>()
  let isWatching = true
  const hook = createHook({
    init(_id, type) {
      if (!isWatching || type !== 'Immediate') return
      const place = callerOf(new Error().stack ?? '')
      if (place !== undefined) places.set(place, (places.get(place) ?? 0) + 1)
    },
  }).enable()
  for (let turn = 0; turn < WATCHED; turn++) await new Promise((next) => setImmediate(next))
  isWatching = false
  hook.disable()
  const most = [...places].sort(([, a], [, b]) => b - a).slice(0, NAMED)
  return most.map(([place, count]) => `${place} (${count} in ${WATCHED} turns)`).join(', ')
}

const FRAME =
  /at (?:(?:async )?(?:Immediate\.)?(\S+) (?:\[as \S+\] )?\()?(?:.*\/)?([^/]+\.[jt]s):(\d+)/

/** `deliver memory.ts:54`: the first place that is neither the runtime's nor a driver of virtual time. */
function callerOf(stack: string): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const [, name = '', file, at] = FRAME.exec(line) ?? []
    if (file === undefined || line.includes('node:')) continue
    if (name === 'AsyncHook.init' || name === 'init') continue
    return DRIVERS.has(file) ? undefined : `${name} ${file}:${at}`.trim()
  }
  return undefined
}

const DRIVERS = new Set(['runaway.ts', 'virtual-time.ts'])
