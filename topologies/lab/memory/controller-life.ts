/** The controller of a memory lab through its lives: it may end and be started again on the same store. Neighbours: lab.ts, faults.ts. */
import type { Duplex } from 'node:stream'
import { Controller, type ControllerOptions } from '../../../controller/controller.ts'

export interface ControllerLife {
  /** Throws while it is down. */
  readonly running: Controller
  readonly isUp: boolean
  /** Of each life; a new one begins with no events. */
  onStart(listener: (controller: Controller) => void): void
  /** Does nothing when it is up. Where its listeners were, they are again. */
  start(): Promise<void>
  /** Sessions end, hosts keep forwarding. Does nothing when it is down. */
  stop(): Promise<void>
}

export function controllerLife(options: ControllerOptions): ControllerLife {
  const listeners = new Set<(controller: Controller) => void>()
  let controller: Controller | undefined
  let last = options
  let turn: Promise<unknown> = Promise.resolve()
  /** A start waits for the stop before it, which has the store and the addresses, and the other way round. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }
  return {
    get running() {
      if (controller === undefined) throw new Error('the controller is down')
      return controller
    },
    get isUp() {
      return controller !== undefined
    },
    onStart: (listener) => void listeners.add(listener),
    start: () =>
      inTurn(async () => {
        if (controller !== undefined) return
        const next = await Controller.start(last)
        controller = next
        last = sameAgain(options, next)
        for (const listener of listeners) listener(next)
      }),
    stop: () =>
      inTurn(async () => {
        const ending = controller
        controller = undefined
        await ending?.close()
      }),
  }
}

/** Whoever knows its addresses finds it there. */
function sameAgain(options: ControllerOptions, { url, ovsdbPort }: Controller): ControllerOptions {
  const { rest, ovsdb } = options
  const isAnyPort = rest !== undefined && 'port' in rest && rest.port === 0
  return {
    ...options,
    ...(isAnyPort && { rest: { ...rest, port: Number(new URL(url).port) } }),
    ...(ovsdb && ovsdbPort !== undefined && { ovsdb: { ...ovsdb, port: ovsdbPort } }),
  }
}

/** By which host's line a stream comes, and at which target it was dialled. */
export interface Arrival {
  readonly peer: string
  readonly localAddress: string
  readonly isOvsdb: boolean
}

/** Hands it a stream as if a host had dialled; throws while it is down, as a refused connection. */
export function connect(
  life: ControllerLife,
  stream: Duplex,
  { peer, localAddress, isOvsdb }: Arrival,
): void {
  if (isOvsdb) life.running.acceptOvsdb(stream, { peer, localAddress })
  else life.running.acceptOpenflow(stream, { peer })
}
