/**
 * Cases in test/dataplane/cases/*.txt: flows in the text of ovs-ofctl, a frame, and what comes out, in
 * literal bytes. Our switch is held against them without any other program, and a real Open vSwitch
 * too, so that what the files say is what it does.
 *
 *     == name
 *     flow TEXT             flows, in order; behind them all is `priority=0,actions=output:2`
 *     error NAME            the flow above is refused so
 *     in PORT HEX
 *     out PORT HEX          frames that come out, sorted; none = dropped
 *     match TEXT = yes|no   instead of flows: whether the frame has these fields
 *     because TEXT          what Open vSwitch does otherwise, and why we do not
 *     ovs out …, ovs error …, ovs match …   what that is
 *     alone                 Open vSwitch has no such thing
 */
import { readFileSync } from 'node:fs'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { type Body, flowMod } from '../../southbound/openflow/message.ts'
import { parseFlow } from '../../southbound/openflow/text.ts'
import type { Input, Peer } from '../fuzz/switch/peer.ts'

export interface Expected {
  readonly errors: readonly string[]
  readonly out: readonly string[]
  /** By the text of the match. */
  readonly matches: Readonly<Record<string, boolean>>
}

export interface Case {
  readonly name: string
  readonly flows: readonly string[]
  readonly input: Input
  readonly ours: Expected
  /** Undefined for what Open vSwitch has not. */
  readonly openVswitch: Expected | undefined
}

type Draft = { errors: string[]; out: string[]; matches: Record<string, boolean> }

function caseOf(text: string): Case {
  const [name = '', ...lines] = text.trim().split('\n')
  const flows: string[] = []
  const ours: Draft = { errors: [], out: [], matches: {} }
  const theirs: Draft = { errors: [], out: [], matches: {} }
  const differs = { errors: false, out: false }
  let input: Input | undefined
  let alone = false
  const read = (draft: Draft, word: string, rest: string) => {
    if (word === 'error') draft.errors.push(`${flows.length - 1} ${rest}`)
    else if (word === 'out') draft.out.push(rest)
    else if (word === 'match') {
      const [match = '', answer] = rest.split(' = ')
      draft.matches[match] = answer === 'yes'
    } else throw new Error(`${name}: ${word} ${rest}`)
  }
  for (const line of lines) {
    const [word = '', ...rest] = line.split(' ')
    if (word === 'flow') flows.push(rest.join(' '))
    else if (word === 'in') {
      input = { port: Number(rest[0]), bytes: Uint8Array.from(Buffer.from(rest[1] ?? '', 'hex')) }
    } else if (word === 'alone') alone = true
    else if (word === 'ovs') {
      const [kind = '', ...more] = rest
      if (kind === 'error') differs.errors = true
      if (kind === 'out' || kind === 'nothing') differs.out = true
      if (kind !== 'nothing' && kind !== 'accepts') read(theirs, kind, more.join(' '))
      if (kind === 'accepts') differs.errors = true
    } else if (word !== 'because') read(ours, word, rest.join(' '))
  }
  if (!input) throw new Error(`${name}: no frame`)
  const openVswitch: Expected = {
    errors: differs.errors ? theirs.errors : ours.errors,
    out: differs.out ? theirs.out : ours.out,
    matches: { ...ours.matches, ...theirs.matches },
  }
  return { name, flows, input, ours, openVswitch: alone ? undefined : openVswitch }
}

export function readCases(file: string): readonly Case[] {
  const text = readFileSync(new URL(`cases/${file}.txt`, import.meta.url), 'utf8')
  return text.split(/^== /m).slice(1).map(caseOf)
}

const MISS = 'priority=0,actions=output:2'

export function add(text: string): Body {
  const flow = parseFlow(text)
  const { idle_timeout = 0, hard_timeout = 0, flags = 0 } = flow
  return { ...flowMod('add', encodeFlow(flow), flags), idle_timeout, hard_timeout }
}

/** Runs a case on a switch. */
export async function outcome(peer: Peer, { flows, input, ours }: Case): Promise<Expected> {
  const matches: Record<string, boolean> = {}
  const texts = Object.keys(ours.matches)
  if (texts.length > 0) {
    // One table for each match, told by the last byte of the frame's destination.
    const asked = texts.map((match, i) => `table=${i + 1},${match},actions=output:3`)
    const mark = (i: number) => `clone(load:${i + 1}->NXM_OF_ETH_DST[0..7],resubmit(,${i + 1}))`
    const all = `actions=${texts.map((_, i) => mark(i)).join(',')}`
    const errors = await peer.install([all, ...asked].map(add))
    if (errors.size > 0) throw new Error(`${[...errors]}`)
    const [result] = await peer.run([input])
    const marks = new Set(result!.frames.map((line) => Number(`0x${line.slice(12, 14)}`)))
    texts.forEach((match, i) => {
      matches[match] = marks.has(i + 1)
    })
    return { errors: [], out: [], matches }
  }
  const errors = await peer.install([...flows, MISS].map(add))
  const [result] = await peer.run([input])
  return {
    errors: [...errors].map(([index, error]) => `${index} ${error}`),
    out: result!.frames.toSorted(),
    matches,
  }
}
