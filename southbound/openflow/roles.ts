/**
 * Roles of several controllers of one switch (OpenFlow 1.3.5 §6.3.5): one `master` at most, `slave`s
 * who may only read, `equal`s who may do everything. Who is master is decided among the controllers;
 * the generation id tells the switch which decision is the latest.
 * Neighbours: connection.ts.
 */
import { WireError } from '../wire/error.ts'
import type { Connection, WaitOptions } from './connection.ts'
import { controllerRole } from './message.ts'

export type Role = Exclude<keyof typeof controllerRole, 'nochange'>

/** What the switch answered. */
export interface RoleReply {
  readonly role: Role
  /** The latest that the switch has seen from any controller; undefined: none yet. */
  readonly generationId: bigint | undefined
}

const NONE = 0xffff_ffff_ffff_ffffn

/**
 * Asks the switch for a role. `master` demotes the master of before to slave, and it as well as
 * `slave` must come with a generation id no older than the switch has seen from anyone: else it
 * rejects with OpenflowError `role_request_failed.stale` and nothing changes. Other ends reject as
 * request() does. `equal` takes no generation id.
 */
export async function requestRole(
  connection: Connection,
  role: Role,
  generationId = 0n,
  options: WaitOptions = {},
): Promise<RoleReply> {
  return ask(connection, controllerRole[role], generationId, options)
}

/** The role that the switch has us in, which another's request may have changed. */
export function currentRole(connection: Connection, options: WaitOptions = {}): Promise<RoleReply> {
  return ask(connection, controllerRole.nochange, 0n, options)
}

async function ask(
  connection: Connection,
  role: number,
  generation_id: bigint,
  options: WaitOptions,
): Promise<RoleReply> {
  const message = { type: 'role_request', role, generation_id } as const
  const reply = await connection.request(message, options)
  if (reply.type !== 'role_reply') throw new WireError(`a ${reply.type} answers a role request`, 0)
  const name = (Object.keys(controllerRole) as Role[]).find((r) => controllerRole[r] === reply.role)
  if (name === undefined) throw new WireError(`no role has number ${reply.role}`, 8)
  const seen = reply.generation_id === NONE ? undefined : reply.generation_id
  return { role: name, generationId: seen }
}

/** The generation id after this one. They wrap, and compare by signed distance. */
export const nextGeneration = (id: bigint): bigint => BigInt.asUintN(64, id + 1n)

/** Whether a switch that has seen `seen` refuses `id`. */
export const isStale = (id: bigint, seen: bigint): boolean => BigInt.asIntN(64, id - seen) < 0n
