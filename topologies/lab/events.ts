/** Makes the events of a document happen on a lab, at their time. Neighbours: controller/model/lab-events.ts (what they are). */
import type { LabEvent } from '../../controller/model/lab-events.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Faults } from './lab.ts'

export interface EventOptions {
  readonly faults: Faults
  /** Of the lab's parts; time counts from now. */
  readonly clock: Clock
  /** Called with each as it happens. */
  happens(event: LabEvent): void
  /** Called when one could not be made to happen. */
  failed(event: LabEvent, error: unknown): void
}

/** @returns how to call off what has not happened yet */
export function startEvents(events: readonly LabEvent[], options: EventOptions): () => void {
  const cancels = events.map((event) =>
    options.clock.after(event.atMs, () => {
      options.happens(event)
      happen(event, options.faults).catch((error) => options.failed(event, error))
    }),
  )
  return () => {
    for (const cancel of cancels) cancel()
  }
}

async function happen(event: LabEvent, faults: Faults): Promise<void> {
  const { host, link, control, controller, is, delayMs } = event
  const isDown = (controller ?? is) === 'down'
  if (controller !== undefined) await (isDown ? faults.controllerOff() : faults.controllerOn())
  else if (host !== undefined) await (isDown ? faults.hostOff(host) : faults.hostOn(host))
  else if (link !== undefined) await (isDown ? faults.linkDown(link) : faults.linkUp(link))
  else if (control === undefined) throw new Error('an event of nothing')
  else if (delayMs !== undefined) await faults.delay(control, delayMs)
  else await (isDown ? faults.controlDown(control) : faults.controlUp(control))
}

/** `host h2 down`, for people. */
export function textOf({ atMs: _, is, delayMs, ...subject }: LabEvent): string {
  const [[what, who] = ['', '']] = Object.entries(subject)
  const done = is ?? (delayMs === undefined ? '' : `delayed by ${delayMs} ms`)
  return `${what} ${who} ${done}`.trim()
}
