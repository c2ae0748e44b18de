/**
 * The container file, as far as it goes without a builder: what it copies is all that is needed, and what it starts, and its
 * health check, work on that. What the base images and apt bring is taken on trust.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyFolder, machinePath, root, runIn } from './checkout.ts'

const folder = emptyFolder()
afterAll(folder.remove)

interface Instruction {
  readonly name: string
  readonly rest: string
}

const stages: Instruction[][] = []
for (const line of readFileSync(join(root, 'bin/container/Containerfile'), 'utf8').split('\n')) {
  const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
  if (name === 'FROM') stages.push([])
  if (name !== '') stages.at(-1)?.push({ name, rest })
}
const [build = [], image = []] = stages
const of = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((each) => each.name === name).map(({ rest }) => rest)

/** Where the file says /weft, and /opt/weft. */
const [built, installed] = [join(folder.path, 'weft'), join(folder.path, 'opt')]
const moved = (text: string): string => text.replaceAll('/opt/weft', installed)

beforeAll(async () => {
  for (const rest of of(build, 'COPY')) {
    const paths = rest.split(' ')
    const target = join(built, paths.pop() ?? '')
    mkdirSync(target, { recursive: true })
    for (const source of paths) {
      expect(existsSync(join(root, source)), source).toBe(true)
      cpSync(join(root, source), source.endsWith('/') ? target : join(target, source), {
        recursive: true,
      })
    }
  }
  symlinkSync(join(root, 'node_modules'), join(built, 'node_modules'))
  expect(of(build, 'RUN')).toContain('node bin/pack.ts')
  const path = `${dirname(execPath)}:${machinePath}`
  const packed = await runIn(built, path, [execPath, 'bin/pack.ts'])
  expect(packed.code, packed.stderr).toBe(0)
  for (const rest of of(image, 'COPY')) {
    const [, from = '', to = ''] = /^--from=build \/weft\/(\S+) (\S+)$/.exec(rest) ?? []
    const target = moved(to)
    mkdirSync(dirname(target), { recursive: true })
    if (from === 'node_modules') symlinkSync(join(root, from), target)
    else cpSync(join(built, from), target, { recursive: true })
  }
})

test('what it starts serves with its settings, and its health check says so, over HTTP and not any longer', async () => {
  const link = of(image, 'RUN').find((rest) => rest.startsWith('ln -s ')) ?? ''
  const [, , program = ''] = link.split(' ')
  const settings = Object.fromEntries(
    of(image, 'ENV').flatMap((rest) => rest.split(' ').map((pair) => pair.split('='))),
  )
  expect(settings).toMatchObject({ WEFT_STORE: '/var/lib/weft/weft.db', WEFT_REST: '0.0.0.0:8080' })
  const socket = join(folder.path, 'rest.sock')
  const env = {
    ...{ ...settings, PATH: machinePath, WEFT_STORE: join(folder.path, 'site.db') },
    ...{ WEFT_REST: `unix:${socket}`, WEFT_OVSDB: '127.0.0.1:0', WEFT_OPENFLOW: '127.0.0.1:0' },
  }
  const [entry] = of(image, 'ENTRYPOINT').map((rest) => JSON.parse(rest) as string[])
  const [command = []] = of(image, 'CMD').map((rest) => JSON.parse(rest) as string[])
  expect(entry).toEqual(['weft'])
  const child = spawn(execPath, [moved(program), ...command], { env, stdio: 'pipe' })
  const [, check = '[]'] = /CMD (\[.*\])$/.exec(of(image, 'HEALTHCHECK')[0] ?? '') ?? []
  const [, script = ''] = JSON.parse(moved(check)) as string[]
  const health = async () => (await runIn(folder.path, machinePath, [execPath, script], env)).code
  let said = ''
  for await (const piece of child.stdout.setEncoding('utf8')) {
    said += piece
    if (said.includes('"msg":"serving"')) break
  }
  expect(await health(), said).toBe(0)
  child.kill('SIGTERM')
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(await health()).toBe(1)
})

test('without TLS it does not serve tokens to the network unless it is told to', async () => {
  const [program = ''] = of(image, 'RUN').flatMap((rest) => /ln -s (\S+)/.exec(rest)?.[1] ?? [])
  const env = { WEFT_REST: '0.0.0.0:8080', WEFT_STORE: join(folder.path, 'other.db') }
  const command = [execPath, moved(program), 'serve'] as const
  const { code, stderr } = await runIn(folder.path, machinePath, command, env)
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('--rest-insecure where something in front of it speaks TLS'),
  })
})
