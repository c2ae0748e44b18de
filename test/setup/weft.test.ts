/** `weft` as whoever typed the command meets it: one sentence for what is wrong, nothing left when it is stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))
const twoTenants = fileURLToPath(new URL('../../topologies/two-tenants.yaml', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'weft-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs `weft` in the folder; `meanwhile` is called with each piece of its output. */
async function weft(
  args: readonly string[],
  meanwhile: (child: ChildProcess) => void = () => {},
  node: readonly string[] = [],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(execPath, [...node, program, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    meanwhile(child)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

/** Writes a document, two-tenants with `wrong` for `right`; its name. */
function document(name: string, right: string, wrong: string): string {
  const text = readFileSync(twoTenants, 'utf8')
  expect(text).toContain(right)
  writeFileSync(join(folder, name), text.replace(right, wrong))
  return name
}

describe('a lab that is stopped while it comes up', () => {
  test('by Ctrl-C says so in one line and ends with 130', async () => {
    const { code, stderr } = await weft(['lab'], (child) => child.kill('SIGINT'))
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'weft: stopped\n' })
  })

  test('because nobody reads its output any more (weft lab | head -1) does the same', async () => {
    const { code, stderr } = await weft(['lab'], (child) => child.stdout?.destroy())
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'weft: stopped\n' })
  })
})

describe('one sentence says what is wrong with', () => {
  const refused = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await weft(args)
    // What was typed wrongly has a code of its own.
    const isUsage = stderr.startsWith('error:')
    expect({ code, stdout }).toEqual({ code: isUsage ? 2 : 1, stdout: '' })
    return stderr
  }

  test('a document that is not there, and a folder', async () => {
    expect(await refused('lab', 'nope.yaml')).toBe('weft: cannot read nope.yaml: no such file\n')
    expect(await refused('lab', '.')).toBe('weft: cannot read .: it is a folder\n')
    const store = ['--store', ':memory:', '--no-auth']
    expect(await refused('serve', ...store, '--apply', 'nope.yaml')).toBe(
      'weft: cannot read nope.yaml: no such file\n',
    )
  })

  test('an empty document', async () => {
    writeFileSync(join(folder, 'empty.yaml'), '# nothing yet\n')
    expect(await refused('lab', 'empty.yaml')).toMatch(
      /^weft: empty\.yaml:1:1: the document is empty; expected .*\n$/,
    )
  })

  test('objects of a document that do not go together, once', async () => {
    const name = document('taken.yaml', 'vni: 5002', 'vni: 5001')
    const expected = 'expected a value that no other network has'
    expect((await refused('lab', name)).split('\n')).toEqual([
      `weft: taken.yaml:22:32: /tenants/acme/networks/web/vni: VNI 5001 is used by network globex/web; ${expected}`,
      `taken.yaml:32:32: /tenants/globex/networks/web/vni: VNI 5001 is used by network acme/web; ${expected}`,
      '',
    ])
  })

  test('a store that is no store, once', async () => {
    writeFileSync(join(folder, 'text.db'), 'this is a text and no database\n'.repeat(100))
    expect(await refused('serve', '--store', 'text.db')).toEqual(
      expect.stringMatching(/^weft: text\.db is (damaged|not a store of Weft): .*\n$/),
    )
  })

  test('a netns lab without root', async () => {
    const nobody = ['--import', 'data:text/javascript,process.getuid=()=>1000']
    const { code, stdout, stderr } = await weft(['lab', '--lab', 'netns'], undefined, nobody)
    expect(stderr).toMatch(/^weft: the netns lab needs (root|Linux, this is \w+)\n$/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  test('an address to listen at', async () => {
    expect(await refused('serve', '--rest', 'here')).toContain(
      "'here' is invalid. It would be ADDRESS:PORT or unix:PATH, such as 127.0.0.1:8080.",
    )
    expect(await refused('serve', '--ovsdb', 'unix:x')).toContain('It would be ADDRESS:PORT, such')
  })
})

test('help shows addresses as one types them', async () => {
  const { stdout } = await weft(['serve', '--help'])
  expect(stdout).toMatch(/\(default:\s+127\.0\.0\.1:8080,/)
  expect(stdout).toMatch(/\(default:\s+0\.0\.0\.0:6640,/)
  expect(stdout).not.toContain('{"')
})
