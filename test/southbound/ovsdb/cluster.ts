/**
 * ovsdb-server as the field runs it, for any declared schema: alone or as a Raft cluster, in a folder
 * of its own, over unix sockets (Raft's too), each process ended by its id.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseSchema } from '../../../southbound/ovsdb/schema.ts'
import { formatSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { listens } from './peers.ts'

export interface Servers {
  /** 'unix:PATH' of each. */
  readonly remotes: readonly string[]
  /** SIGKILL; resolves when the process is gone. */
  kill(remote: string): Promise<void>
  /** Starts a killed one again on its file. */
  restart(remote: string): Promise<void>
  /** A command of ovs-appctl. */
  control(remote: string, ...command: readonly string[]): void
  close(): Promise<void>
}

/** `size` 1: one that stands alone. Resolves when all listen; a cluster may still be electing. */
export async function startServers(schema: DatabaseSchema, size: number): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-'))
  const schemaFile = join(folder, 'schema')
  writeFileSync(schemaFile, JSON.stringify(formatSchema(schema)))
  const file = (i: number, kind: string) => join(folder, `${i}.${kind}`)
  const raft = (i: number) => `unix:${file(i, 'raft')}`
  for (let i = 0; i < size; i++) {
    const args =
      size === 1
        ? ['create', file(i, 'db'), schemaFile]
        : i === 0
          ? ['create-cluster', file(i, 'db'), schemaFile, raft(i)]
          : ['join-cluster', file(i, 'db'), schema.name, raft(i), raft(0)]
    execFileSync('ovsdb-tool', args, { stdio: 'ignore' })
  }
  const running = new Map<string, ChildProcess>()
  const remoteOf = (i: number) => `unix:${file(i, 'sock')}`

  async function start(i: number): Promise<void> {
    const remote = `--remote=punix:${file(i, 'sock')}`
    const args = [file(i, 'db'), remote, `--unixctl=${file(i, 'ctl')}`, '--verbose=off']
    rmSync(file(i, 'sock'), { force: true })
    const child = spawn('ovsdb-server', args, { stdio: 'ignore' })
    running.set(remoteOf(i), child)
    while (!(await listens(file(i, 'sock')))) {
      if (child.exitCode !== null) throw new Error(`ovsdb-server ended with ${child.exitCode}`)
      await sleep(5)
    }
  }
  async function kill(remote: string): Promise<void> {
    const child = running.get(remote)
    if (!child) return
    running.delete(remote)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  const remotes = Array.from({ length: size }, (_, i) => remoteOf(i))
  for (let i = 0; i < size; i++) await start(i)
  return {
    remotes,
    kill,
    restart: (remote) => start(remotes.indexOf(remote)),
    control(remote, ...command) {
      const target = file(remotes.indexOf(remote), 'ctl')
      execFileSync('ovs-appctl', ['-t', target, ...command], { stdio: 'ignore' })
    },
    async close() {
      for (const remote of remotes) await kill(remote)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
