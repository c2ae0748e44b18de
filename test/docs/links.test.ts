/** Every relative link in every README leads to a file or a folder of this checkout, and every place in it exists. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readmes = globSync('**/README.md', {
  cwd: root,
  exclude: (name) =>
    name.split('/').some((part) => ['node_modules', '.git', 'dist'].includes(part)),
})

/** `[text](target)` outside of code blocks; as they stand. */
function links(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/^ {4}.*$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** A heading as GitHub names its place. */
function anchor(heading: string): string {
  const plain = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '')
  return plain.trim().replaceAll(' ', '-')
}

test.each(readmes)('the links of %s lead somewhere', (readme) => {
  const missing = links(readFileSync(join(root, readme), 'utf8')).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', place] = target.split('#')
    const file = path === '' ? join(root, readme) : join(root, dirname(readme), path)
    if (!existsSync(file)) return true
    if (place === undefined) return false
    const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)]
    return !headings.some(([, heading = '']) => anchor(heading) === place)
  })
  expect(missing).toEqual([])
})

test('the README of the checkout is among them and has links', () => {
  expect(readmes).toContain('README.md')
  expect(links(readFileSync(join(root, 'README.md'), 'utf8')).length).toBeGreaterThan(5)
})
