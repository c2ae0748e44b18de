/** REST of the controller's machine, which listens there alone, on a port of 127.0.0.1 here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { openRelay } from '../netns/relay.ts'
import type { SshConfig } from './ssh.ts'

const REST = '127.0.0.1:8080'

export interface Tunnel {
  /** `http://127.0.0.1:PORT`; while nobody serves there, connections are closed as they come. */
  readonly url: string
  close(): Promise<void>
}

export async function openTunnel(ssh: SshConfig, machine: string): Promise<Tunnel> {
  const socket = join(dirname(ssh.file), 'rest.sock')
  const forward = ['-o', 'StreamLocalBindUnlink=yes', '-L', `${socket}:${REST}`]
  // It ends with its input, and so with this process, however that ends.
  const child = spawn('ssh', [...forward, ...ssh.arguments(machine), 'cat'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const closed = once(child, 'close').catch(() => {})
  const relay = await openRelay(socket)
  return {
    url: `http://127.0.0.1:${relay.port}`,
    async close() {
      await relay.close()
      child.kill('SIGTERM')
      await closed
    },
  }
}
