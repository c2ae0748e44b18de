/**
 * The way of a packet through the tables of one bridge: look up, meter, apply, write, goto; then
 * the action set. Groups and resubmits recurse with a bound; everything else is a loop. Nothing
 * is allocated for a packet but, once per depth, the scratch that copies live in.
 * Neighbours: flow-table.ts (flows), actions.ts (steps), bridge.ts (ports and controllers).
 */
import { groupType } from '../../southbound/openflow/group.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import type { Conntrack } from '../conntrack/conntrack.ts'
import { DROP } from '../packet/drop.ts'
import { flowHash } from '../packet/flow-hash.ts'
import { extract } from '../packet/flow-key.ts'
import { IN_PORT, keyField } from '../packet/key-layout.ts'
import { copyPacket, type PacketPool } from '../packet/packet.ts'
import { propagateEcn } from '../tunnel/ecn.ts'
import type { Outer } from '../tunnel/outer.ts'
import { loadTunnel } from '../tunnel/tunnel-key.ts'
import { type CompiledAction, orderActions, setOutput, writeActions } from './actions.ts'
import { remark } from './dscp.ts'
import type { Flow, FlowMod, FlowTables } from './flow-table.ts'
import type { Bucket, Groups } from './groups.ts'
import { METER, type Meters } from './meters.ts'
import { swapTuple } from './original-tuple.ts'
import { type ControllerTarget, type Datapath, type Run, STOP, type Step } from './run.ts'
import { copyList, MAX_DEPTH, newRun, restart, restore, save } from './scratch.ts'

/**
 * Packets, resubmits and buckets in all that one packet may cause, in whatever bridges its copies come
 * to: a loop of patch ports multiplies, so a bound of the depth alone is none. As in Open vSwitch.
 */
const MAX_WORK = 4096
/** Packets under way in one bridge that caused one another, through patch ports. */
const MAX_NESTING = 8
const METADATA = keyField.metadata.slot
const ACTSET_OUTPUT = keyField.actset_output.slot
const IP_FRAG = keyField.ip_frag.slot

const writesFrame = ({ frame }: CompiledAction) => frame

/** What the pipeline asks of the bridge around it. */
export interface PipelineHost {
  readonly tables: FlowTables
  readonly groups: Groups
  readonly meters: Meters
  readonly conntrack: Conntrack
  readonly pool: PacketPool
  /** Hands the packet to a port, a real or a reserved one. */
  output(run: Run, port: number, maxLen: number): void
  controller(run: Run, reason: number, maxLen: number, to?: ControllerTarget): boolean
  /** As Datapath.shorten. */
  shorten(flow: Flow, idle: number, hard: number): void
  /** A packet taught a flow: it is added, or takes the place of one with its match. */
  learn(mod: FlowMod): void
  drop(reason: number): void
  isUp(port: number): boolean
  /** OFPC_FRAG_DROP: no fragment comes in. */
  readonly dropsFragments: boolean
  /** What is done with every packet in the place of the tables, if anything is. */
  readonly instead: readonly Step[] | undefined
  /** A fault in the switch itself; the packet is dropped. */
  fault(error: unknown): void
  now(): number
}

export interface Pipeline {
  /** Takes a frame that came in by a port; the bytes are borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number, inPort: number): void
  /** The same for a frame out of a tunnel; `tunnel` is borrowed too. */
  receiveTunneled(
    bytes: Uint8Array,
    start: number,
    end: number,
    inPort: number,
    tunnel: Outer,
  ): void
  /** Runs steps on a frame that a controller sent; bytes borrowed. */
  execute(frame: Uint8Array, inPort: number, steps: readonly Step[]): void
  /** Goes on with table 0, for OFPP_TABLE in a packet-out. */
  enterTables(run: Run): void
}

export function pipeline(host: PipelineHost): Pipeline {
  const { tables, groups, meters, pool } = host
  const { passage } = pool
  /** Counts one more; true: there is no room for it, in depth or in all. */
  const isSpent = (run: Run) => run.depth >= MAX_DEPTH || passage.work++ >= MAX_WORK

  const datapath: Datapath = {
    conntrack: host.conntrack,
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
    resubmit(run, inPort, tableId, original, isLast) {
      if (isSpent(run)) return datapath.drop(run, DROP.recursion_limit)
      const { flow, tableId: table, key, isTail } = run
      const before = key[IN_PORT]!
      // The port counts for the lookup alone, and so do the addresses before translation.
      key[IN_PORT] = inPort
      if (original) swapTuple(key)
      const found = tables.lookup(tableId, key)
      if (original) swapTuple(key)
      key[IN_PORT] = before
      run.depth++
      run.isTail = isTail && isLast
      runFlow(run, tableId, found)
      run.isTail = isTail
      run.depth--
      if (run.stop === STOP.table) run.stop = STOP.none
      run.flow = flow
      run.tableId = table
    },
    shorten: host.shorten,
    isUp: host.isUp,
    learn: (mod) => void lessons.push(mod),
    isolate(run, steps, frame, ownSet) {
      if (isSpent(run)) return datapath.drop(run, DROP.recursion_limit)
      const { packet, queue, isTail, flow } = run
      const saved = run.saved[run.depth]!
      const stackSize = save(run, saved)
      if (frame || (ownSet && run.set.some(writesFrame))) {
        const copy = copyPacket(pool, packet)
        if (!copy) return datapath.drop(run, DROP.frame_too_long)
        run.packet = copy
      }
      const depth = ++run.depth
      run.isTail = ownSet
      runSteps(run, steps)
      endBranches(run, depth)
      if (ownSet) runSet(run)
      run.depth--
      run.isTail = isTail
      run.flow = flow
      // A drop or an expired TTL ends what was isolated, and nothing else.
      if (run.stop !== STOP.exit) run.stop = STOP.none
      if (run.packet !== packet) {
        pool.give(run.packet)
        run.packet = packet
      }
      run.queue = queue
      restore(run, saved, stackSize)
    },
    branch(run) {
      const copy = isSpent(run) ? undefined : copyPacket(pool, run.packet)
      if (!copy) {
        datapath.drop(run, DROP.recursion_limit)
        return false
      }
      const saved = run.saved[run.depth]!
      saved.stackSize = save(run, saved)
      saved.packet = run.packet
      saved.queue = run.queue
      run.packet = copy
      run.isTail = true
      run.depth++
      return true
    },
    fork(run, change, tableId) {
      if (isSpent(run)) return datapath.drop(run, DROP.recursion_limit)
      const saved = run.saved[run.depth]!
      const stackSize = save(run, saved)
      change(run)
      if (tableId >= 0) sendOn(run, tableId)
      restore(run, saved, stackSize)
    },
  }

  /** A copy of the packet goes through the tables from there on, and is done then. */
  const sendOn = (run: Run, first: number) => {
    const { packet, queue, flow, tableId } = run
    const copy = copyPacket(pool, packet)
    if (!copy) return datapath.drop(run, DROP.frame_too_long)
    run.packet = copy
    run.depth++
    runAll(run, first)
    run.depth--
    run.stop = STOP.none
    pool.give(run.packet)
    run.packet = packet
    run.queue = queue
    run.flow = flow
    run.tableId = tableId
  }

  /** What a bucket does to packet and key ends with it. */
  const runBucket = (run: Run, bucket: Bucket) => {
    bucket.packets++
    bucket.bytes += run.packet.end - run.packet.start
    // No one flow sends what a bucket sends (OpenFlow 1.3.5 §7.4.1, cookie).
    const { flow } = run
    run.flow = undefined
    datapath.isolate(run, bucket.steps, bucket.frame, false)
    run.flow = flow
    run.stop = STOP.none
  }

  const runSteps = (run: Run, steps: readonly Step[]) => {
    for (let i = 0; i < steps.length && run.stop === STOP.none; i++) steps[i]!(run)
  }

  /** A table's flow and the tables behind it, without the action set. */
  const runFlow = (run: Run, first: number, found: Flow | undefined) => {
    const { depth } = run
    follow(run, first, found)
    endBranches(run, depth)
  }

  const endBranches = (run: Run, depth: number) => {
    while (run.depth > depth) {
      runSet(run)
      const saved = run.saved[--run.depth]!
      pool.give(run.packet)
      run.packet = saved.packet!
      run.queue = saved.queue
      restore(run, saved, saved.stackSize)
      if (run.stop !== STOP.exit) run.stop = STOP.none
    }
  }

  const follow = (run: Run, first: number, found: Flow | undefined) => {
    let flow = found
    for (let table = first; ; flow = tables.lookup(table, run.key)) {
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
        const verdict = meters.pass(meter, size, run.now)
        if (verdict === METER.drop) {
          run.stop = STOP.packet
          return datapath.drop(run, DROP.meter_exceeded)
        }
        if (verdict !== METER.pass) remark(run, verdict)
      }
      runSteps(run, program.apply)
      if (run.stop !== STOP.none) return
      if (program.clear) run.set.length = 0
      if (program.write.length > 0) writeActions(run.set, program.write)
      if (program.clear || program.write.length > 0) run.key[ACTSET_OUTPUT] = setOutput(run.set)
      if (program.metadata) {
        const { value, mask } = program.metadata
        for (let i = 0; i < 2; i++) {
          run.key[METADATA + i] = (run.key[METADATA + i]! & ~mask[i]!) | value[i]!
        }
      }
      table = program.goto
      if (table < 0) return
    }
  }

  /** The tables from the first one on, or what is done instead. */
  const enter = (run: Run) => {
    const { instead } = host
    if (instead) runSteps(run, instead)
    else runAll(run, 0)
  }

  const runAll = (run: Run, first: number) => {
    const { isTail } = run
    run.isTail = true
    runFlow(run, first, tables.lookup(first, run.key))
    runSet(run)
    run.isTail = isTail
  }

  /** The action set, which is empty while it is executed and from then on. */
  const runSet = (run: Run) => {
    if (run.stop !== STOP.table && run.stop !== STOP.none) return
    run.stop = STOP.none
    // No one flow sends what the action set sends (OpenFlow 1.3.5 §7.4.1, cookie).
    run.flow = undefined
    const { set } = run
    if (set.length === 0) return
    orderActions(set)
    const { executing } = run.saved[run.depth]!
    copyList(set, executing)
    set.length = 0
    run.isTail = true
    for (let i = 0; i < executing.length && run.stop === STOP.none; i++) executing[i]!.step(run)
  }

  /** What packets under way have taught. */
  const lessons: FlowMod[] = []
  /** Of each depth of nesting, from when it is first reached. */
  const runs: Run[] = []
  let nesting = 0

  const process = (
    bytes: Uint8Array,
    start: number,
    end: number,
    inPort: number,
    tunnel: Outer | undefined,
    steps: readonly Step[] | undefined,
  ) => {
    if (passage.packets === 0) passage.work = 0
    if (nesting >= MAX_NESTING || passage.work++ >= MAX_WORK) {
      return host.drop(DROP.recursion_limit)
    }
    if (end - start < ethernet.size) return host.drop(DROP.frame_truncated)
    const packet = pool.take(bytes, start, end)
    if (!packet) return host.drop(DROP.frame_too_long)
    runs[nesting] ??= newRun(datapath)
    const run = runs[nesting]!
    restart(run, packet, host.now())
    run.key[IN_PORT] = inPort
    nesting++
    passage.packets++
    try {
      if (tunnel) {
        loadTunnel(run.key, tunnel)
        const { bytes: own, start: from, end: to } = packet
        if (!propagateEcn(own, from, to, tunnel.tos & 3)) return host.drop(DROP.tunnel_ecn)
      }
      extract(run.key, packet)
      if (run.key[IP_FRAG] !== 0 && host.dropsFragments && !steps) {
        return host.drop(DROP.fragment)
      }
      if (!steps) enter(run)
      else {
        runSteps(run, steps)
        endBranches(run, 0)
      }
      if (run.sent === 0 && run.dropped === 0) {
        host.drop(run.held >= 0 ? run.held : DROP.flow_no_output)
      }
    } catch (error) {
      host.drop(DROP.exception)
      host.fault(error)
    } finally {
      nesting--
      passage.packets--
      // A fault may have left a bucket's copy in place: then this packet is simply not reused.
      if (run.packet === packet) pool.give(packet)
    }
    if (nesting === 0 && lessons.length > 0) {
      for (const mod of lessons.splice(0)) host.learn(mod)
    }
  }

  return {
    receive: (bytes, start, end, inPort) =>
      process(bytes, start, end, inPort, undefined, undefined),
    receiveTunneled: (bytes, start, end, inPort, tunnel) =>
      process(bytes, start, end, inPort, tunnel, undefined),
    execute: (frame, inPort, steps) => process(frame, 0, frame.length, inPort, undefined, steps),
    enterTables(run) {
      if (isSpent(run)) return datapath.drop(run, DROP.recursion_limit)
      run.depth++
      enter(run)
      run.depth--
    },
  }
}
