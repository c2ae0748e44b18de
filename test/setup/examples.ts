/**
 * The examples of a document, as a stranger would run them: the packed tarball in an empty folder, each
 * example a file there, its output the block that follows it.
 *
 * A block that begins with `// example: NAME` (`# example: NAME` in a script) becomes the file NAME. When a `text`
 * block comes before the next example it is run, in the order of the document, and has to print that.
 * Neighbours: examples.test.ts, switch-examples.test.ts.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyCheckout, emptyFolder, machinePath, runIn } from './checkout.ts'

export interface Example {
  readonly name: string
  readonly source: string
  /** What it prints; undefined: another example starts it. */
  output?: string
}

/** The examples of a document, in order. */
export function examplesOf(markdown: string): Example[] {
  const examples: Example[] = []
  for (const [, language, source = ''] of markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const name = /^(?:\/\/|#) example: (\S+)\n/.exec(source)?.[1]
    const last = examples.at(-1)
    if (name !== undefined) examples.push({ name, source })
    else if (language === 'text' && last && last.output === undefined) last.output = source
  }
  return examples
}

/**
 * Packs this checkout and installs the tarball in an empty folder. @param options of npm install
 * @throws Error with what npm said
 */
export async function installTarball(
  ...options: readonly string[]
): Promise<{ readonly folder: string; remove(): void }> {
  const { path, remove } = emptyFolder()
  const [folder, checkout] = [join(path, 'empty'), join(path, 'weft')]
  const tarball = 'weft-0.1.0.tgz'
  const must = async (where: string, ...command: [string, ...string[]]) => {
    const { code, stderr } = await runIn(where, machinePath, command)
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  }
  copyCheckout(checkout, { packages: true })
  await must(checkout, 'npm', 'pack', '--pack-destination', '..')
  await must(path, 'mkdir', folder)
  copyFileSync(join(path, tarball), join(folder, tarball))
  await must(folder, 'npm', 'init', '-y')
  await must(folder, 'npm', 'pkg', 'set', 'type=module')
  await must(folder, 'npm', 'install', '--prefer-offline', '--ignore-scripts', ...options, tarball)
  return { folder, remove }
}
