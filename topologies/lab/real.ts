/**
 * What labs of real hosts (netns/, vagrant/) have in common beyond `Lab`: commands on hosts and in guests, and processes to
 * kill. Tests of faults are written against this.
 */
import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'
import type { Lab, Workload } from './lab.ts'
import type { Output, RunOptions } from './netns/run.ts'

/** A command that runs until it is ended, as a ChildProcess is one. */
export interface Running extends EventEmitter {
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Null while it runs. */
  readonly exitCode: number | null
  readonly signalCode: NodeJS.Signals | null
  kill(signal?: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): boolean
}

/** Where commands can be run: a host, or a guest. */
export interface Shell {
  /** Rejects with RunError unless it exits with 0. */
  exec(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** Closing the lab ends it too. */
  launch(argv: readonly string[]): Running
}

export interface RealHost extends Shell {
  readonly id: string
}

/** A host of kind ovs. */
export interface RealOvsHost extends RealHost {
  vsctl(args: readonly string[], options?: RunOptions): Promise<Output>
  /** `ovs-ofctl -O OpenFlow13 ARGS`. */
  ofctl(args: readonly string[], options?: RunOptions): Promise<Output>
}

/** A host of kind vtep under `weft agent`. */
export interface RealVtepHost extends RealHost {
  /** SIGKILL to the agent; resolves when it is gone. */
  kill(): Promise<void>
  start(options: { readonly emptyDatabase: boolean }): Promise<void>
}

export interface RealWorkload extends Workload, Shell {}

export interface RealLab extends Lab {
  readonly controller: {
    /** SIGKILL; resolves when it is gone. */
    kill(): Promise<void>
    /** On the store that is there; resolves when REST answers. */
    start(): Promise<void>
  }
  readonly workloads: ReadonlyMap<string, RealWorkload>
  readonly machines: ReadonlyMap<string, RealHost>
  /** Of kind ovs. Throws for an id that the document does not have. */
  host(id: string): RealOvsHost
  /** Of kind vtep. */
  vtep(id: string): RealVtepHost
  workload(name: string): RealWorkload
}
