/** `weft` as somebody types it, and a controller in this process that asks for tokens. */
import { spawn } from 'node:child_process'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { tokenAccess } from '../../controller/access/access.ts'
import { hashOf, newSecret } from '../../controller/access/secret.ts'
import { Controller } from '../../controller/controller.ts'
import { Store } from '../../controller/store/store.ts'

export const program = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))
export const topology = (name: string): string =>
  fileURLToPath(new URL(`../../topologies/${name}`, import.meta.url))

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
export interface RunOptions {
  /** Standard input. */
  readonly input?: string
  /** Added to an environment that says nothing of a controller. */
  readonly env?: Readonly<Record<string, string>>
}

/** Ends with the program. */
export async function runWeft(
  args: readonly string[],
  { input = '', env = {} }: RunOptions = {},
): Promise<Run> {
  const child = spawn(execPath, [program, ...args], { env: { ...bareEnvironment(), ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A command that ends before it has read all says so by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

/** Without what says of a terminal that it is another one, or none (node's getColorDepth asks CI). */
export function bareEnvironment(): Record<string, string> {
  const names = ['WEFT_CONTROLLER', 'WEFT_TOKEN', 'FORCE_COLOR', 'NO_COLOR', 'CI']
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !names.includes(entry[0]),
    ),
  )
}

export interface GuardedSite {
  readonly store: Store
  readonly url: string
  /** Of an operator. */
  readonly secret: string
  /** As the operator; `by` is the secret of somebody else. */
  weft(args: readonly string[], options?: RunOptions & { readonly by?: string }): Promise<Run>
  /** A token of a tenant; gives its secret. */
  member(tenant: string, role?: 'admin' | 'member' | 'reader'): string
  close(): Promise<void>
}

export async function openGuardedSite(): Promise<GuardedSite> {
  const store = Store.open(':memory:')
  const secret = newSecret()
  const spec = { role: 'operator', sha256: hashOf(secret) } as const
  store.commit([{ collection: 'siteToken', key: 'root', spec }], { who: 'test' })
  const access = tokenAccess({ snapshot: () => store.snapshot })
  const rest = { host: '127.0.0.1', port: 0 }
  const controller = await Controller.start({ store, rest, access })
  let count = 0
  return {
    store,
    url: controller.url,
    secret,
    weft: (args, { by = secret, env, ...options } = {}) =>
      runWeft(args, {
        ...options,
        env: { WEFT_CONTROLLER: controller.url, WEFT_TOKEN: by, ...env },
      }),
    member(tenant, role = 'member') {
      const own = newSecret()
      const key = `${tenant}/t${count++}`
      store.commit([{ collection: 'token', key, spec: { role, sha256: hashOf(own) } }], {
        who: 'test',
      })
      return own
    },
    async close() {
      await controller.close()
      store.close()
    },
  }
}
