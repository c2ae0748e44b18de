/**
 * The way of a packet through the tables of one bridge: look up, meter, apply, write, goto; then
 * the action set. Groups and resubmits recurse with a bound; everything else is a loop. Nothing
 * is allocated for a packet but, once per depth, the scratch that copies live in.
 * Neighbours: flow-table.ts (flows), actions.ts (steps), bridge.ts (ports and controllers).
 */
import { groupType } from '../../southbound/openflow/group.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { DROP } from '../packet/drop.ts'
import { extract, flowHash } from '../packet/flow-key.ts'
import { IN_PORT, KEY_WORDS, keyField, TUN_DST, TUN_SRC, TUNNEL_ID } from '../packet/key-layout.ts'
import type { PacketPool } from '../packet/packet.ts'
import { orderActions, writeActions } from './actions.ts'
import type { FlowTables } from './flow-table.ts'
import type { Bucket, Groups } from './groups.ts'
import type { Meters } from './meters.ts'
import type { Datapath, Run, Step } from './run.ts'

/** Groups in groups and resubmits in resubmits. */
const MAX_DEPTH = 32
/** Resubmits and buckets in all, for one packet. */
const MAX_WORK = 4096
/** Packets that caused packets, through patch ports, while they were under way. */
const MAX_NESTING = 8
const METADATA = keyField.metadata.slot

/** What the pipeline asks of the bridge around it. */
export interface PipelineHost {
  readonly tables: FlowTables
  readonly groups: Groups
  readonly meters: Meters
  readonly pool: PacketPool
  /** Hands the packet to a port, a real or a reserved one. */
  output(run: Run, port: number, maxLen: number): void
  controller(run: Run, reason: number, maxLen: number): void
  drop(reason: number): void
  isUp(port: number): boolean
  /** A fault in the switch itself; the packet is dropped. */
  fault(error: unknown): void
  now(): number
}

export interface Pipeline {
  /** Takes a frame that came in by a port; the bytes are borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number, inPort: number): void
  /** The same for a frame out of a tunnel. */
  receiveTunneled(
    bytes: Uint8Array,
    start: number,
    end: number,
    inPort: number,
    vni: number,
    tunSrc: number,
    tunDst: number,
  ): void
  /** Runs steps on a frame that a controller sent. */
  execute(frame: Uint8Array, inPort: number, steps: readonly Step[]): void
  /** Goes on with table 0, for OFPP_TABLE in a packet-out. */
  enterTables(run: Run): void
}

export function pipeline(host: PipelineHost): Pipeline {
  const { tables, groups, meters, pool } = host

  const datapath: Datapath = {
    output: host.output,
    controller: host.controller,
    drop(run, reason) {
      run.dropped++
      host.drop(reason)
    },
    group(run, id) {
      const group = groups.all.get(id)
      if (!group) return datapath.drop(run, DROP.group_unknown)
      if (run.depth >= MAX_DEPTH) return datapath.drop(run, DROP.recursion_limit)
      group.packets++
      group.byteCount += run.packet.end - run.packet.start
      if (group.group_type === groupType.all || group.group_type === groupType.indirect) {
        for (let i = 0; i < group.buckets.length; i++) runBucket(run, group.buckets[i]!)
        return
      }
      const bucket = groups.choose(group, flowHash(run.key), host.isUp)
      if (bucket) runBucket(run, bucket)
      else datapath.drop(run, DROP.group_no_bucket)
    },
    resubmit(run, inPort, tableId) {
      if (run.depth >= MAX_DEPTH || run.work++ >= MAX_WORK) {
        return datapath.drop(run, DROP.recursion_limit)
      }
      const { flow, tableId: table } = run
      const before = run.key[IN_PORT]!
      run.key[IN_PORT] = inPort
      run.depth++
      runTables(run, tableId)
      run.depth--
      run.key[IN_PORT] = before
      run.flow = flow
      run.tableId = table
    },
  }

  /** Leaves packet and key as they were: what a bucket does to them ends with it. */
  const runBucket = (run: Run, bucket: Bucket) => {
    if (run.work++ >= MAX_WORK) return datapath.drop(run, DROP.recursion_limit)
    const { packet } = run
    bucket.packets++
    bucket.bytes += packet.end - packet.start
    const saved = run.saved[run.depth]!
    saved.set(run.key)
    if (bucket.frame) {
      const copy = pool.take(packet.bytes, packet.start, packet.end)
      if (!copy) return datapath.drop(run, DROP.frame_too_long)
      const shift = copy.start - packet.start
      for (let i = 0; i < copy.at.length; i++)
        copy.at[i] = packet.at[i]! < 0 ? -1 : packet.at[i]! + shift
      run.packet = copy
    }
    run.depth++
    runSteps(run, bucket.steps)
    run.depth--
    run.halted = false
    if (run.packet !== packet) {
      pool.give(run.packet)
      run.packet = packet
    }
    run.key.set(saved)
  }

  const runSteps = (run: Run, steps: readonly Step[]) => {
    for (let i = 0; i < steps.length && !run.halted; i++) steps[i]!(run)
  }

  /** Tables from `first` on, without the action set. */
  const runTables = (run: Run, first: number) => {
    for (let table = first; table >= 0; ) {
      const flow = tables.lookup(table, run.key)
      if (!flow) return datapath.drop(run, DROP.no_flow)
      const size = run.packet.end - run.packet.start
      flow.packets++
      flow.bytes += size
      flow.usedAt = run.now
      run.flow = flow
      run.tableId = table
      const { program } = flow
      if (program.meter !== 0) {
        const meter = meters.all.get(program.meter)
        if (!meter) return datapath.drop(run, DROP.meter_unknown)
        if (!meters.pass(meter, size, run.now)) {
          run.halted = true
          return datapath.drop(run, DROP.meter_exceeded)
        }
      }
      runSteps(run, program.apply)
      if (run.halted) return
      if (program.clear) run.set.length = 0
      if (program.write.length > 0) writeActions(run.set, program.write)
      if (program.metadata) {
        const { value, mask } = program.metadata
        for (let i = 0; i < 2; i++) {
          run.key[METADATA + i] = (run.key[METADATA + i]! & ~mask[i]!) | value[i]!
        }
      }
      table = program.goto
    }
  }

  const runAll = (run: Run) => {
    runTables(run, 0)
    if (run.set.length === 0 || run.halted) return
    orderActions(run.set)
    for (let i = 0; i < run.set.length && !run.halted; i++) run.set[i]!.step(run)
    run.set.length = 0
  }

  const runs = Array.from({ length: MAX_NESTING }, () => newRun(datapath))
  let nesting = 0

  const process = (
    bytes: Uint8Array,
    start: number,
    end: number,
    inPort: number,
    vni: number,
    tunSrc: number,
    tunDst: number,
    steps: readonly Step[] | undefined,
  ) => {
    if (nesting >= MAX_NESTING) return host.drop(DROP.recursion_limit)
    if (end - start < ethernet.size) return host.drop(DROP.frame_truncated)
    const packet = pool.take(bytes, start, end)
    if (!packet) return host.drop(DROP.frame_too_long)
    const run = runs[nesting]!
    restart(run, packet, host.now())
    run.key[IN_PORT] = inPort
    run.key[TUNNEL_ID] = vni
    run.key[TUN_SRC] = tunSrc
    run.key[TUN_DST] = tunDst
    nesting++
    try {
      extract(run.key, packet)
      if (steps) runSteps(run, steps)
      else runAll(run)
      if (run.sent === 0 && run.dropped === 0) {
        host.drop(run.held >= 0 ? run.held : DROP.flow_no_output)
      }
    } catch (error) {
      host.drop(DROP.exception)
      host.fault(error)
    } finally {
      nesting--
      // A fault may have left a bucket's copy in place: then this packet is simply not reused.
      if (run.packet === packet) pool.give(packet)
    }
  }

  return {
    receive: (bytes, start, end, inPort) => process(bytes, start, end, inPort, 0, 0, 0, undefined),
    receiveTunneled: (bytes, start, end, inPort, vni, tunSrc, tunDst) =>
      process(bytes, start, end, inPort, vni, tunSrc, tunDst, undefined),
    execute: (frame, inPort, steps) => process(frame, 0, frame.length, inPort, 0, 0, 0, steps),
    enterTables(run) {
      if (run.work++ >= MAX_WORK || run.depth >= MAX_DEPTH) {
        return datapath.drop(run, DROP.recursion_limit)
      }
      run.depth++
      runAll(run)
      run.depth--
    },
  }
}

function newRun(datapath: Datapath): Run {
  return {
    packet: undefined as never,
    key: new Uint32Array(KEY_WORDS),
    saved: Array.from({ length: MAX_DEPTH + 1 }, () => new Uint32Array(KEY_WORDS)),
    datapath,
    set: [],
    flow: undefined,
    tableId: 0,
    now: 0,
    halted: false,
    sent: 0,
    dropped: 0,
    held: -1,
    depth: 0,
    work: 0,
  }
}

function restart(run: Run, packet: Run['packet'], now: number): void {
  run.packet = packet
  run.key.fill(0)
  run.set.length = 0
  run.flow = undefined
  run.tableId = 0
  run.now = now
  run.halted = false
  run.sent = 0
  run.dropped = 0
  run.held = -1
  run.depth = 0
  run.work = 0
}
