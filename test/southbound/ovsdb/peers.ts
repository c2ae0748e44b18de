/**
 * The two servers that the tests of this folder run against: ours in this process, and the field's
 * ovsdb-server in a directory and a process of its own.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

export const ovsSchemaPath = '/usr/share/openvswitch/vswitch.ovsschema'
/** Whether the field's tools are here; tests that need them are skipped by name otherwise. */
export const hasOvs =
  existsSync(ovsSchemaPath) && spawnSync('ovsdb-server', ['--version']).status === 0

export interface Peer {
  /** unix socket. */
  readonly path: string
  dial(): Promise<Duplex>
  close(): Promise<void>
}

export async function dialPath(path: string): Promise<net.Socket> {
  const socket = net.connect(path)
  await once(socket, 'connect')
  return socket
}

/** The file of a socket is there before anybody listens at it. */
export async function listens(path: string): Promise<boolean> {
  try {
    const socket = await dialPath(path)
    socket.destroy()
    return true
  } catch {
    return false
  }
}

/** ovsdb-server with empty databases; more remotes as in its man page. */
export async function realPeer(
  remotes: readonly string[] = [],
  schemaPaths: readonly string[] = [ovsSchemaPath],
): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'ovsdb-'))
  const path = join(directory, 'db.sock')
  const files = schemaPaths.map((schemaPath, i) => {
    const file = join(directory, `${i}.db`)
    execFileSync('ovsdb-tool', ['create', file, schemaPath])
    return file
  })
  const child: ChildProcess = spawn(
    'ovsdb-server',
    [
      ...files,
      `--remote=punix:${path}`,
      ...remotes.map((remote) => `--remote=${remote}`),
      `--unixctl=${join(directory, 'ctl')}`,
      '--verbose=off',
    ],
    { stdio: 'ignore' },
  )
  const exited = once(child, 'exit')
  while (!(await listens(path))) await sleep(5)
  return {
    path,
    dial: () => dialPath(path),
    async close() {
      child.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Our server with an empty Open_vSwitch database on a unix socket; it probes nobody, since probes come between what is compared. */
export async function ownPeer(
  server: Pick<OvsdbServer, 'accept' | 'close'> = new OvsdbServer(openVSwitch, {
    echoIntervalMs: 0,
  }),
): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'ovsdb-'))
  const path = join(directory, 'db.sock')
  const listener = net.createServer((socket) => void server.accept(socket))
  listener.listen(path)
  await once(listener, 'listening')
  return {
    path,
    dial: () => dialPath(path),
    async close() {
      server.close()
      listener.close()
      await once(listener, 'close')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
