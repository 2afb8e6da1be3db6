// A real systemd as the first process of namespaces of its own, over this machine's root file system, which it sees as it is and
// changes only for itself (overlayfs). Needs root, as the installation of the peers does.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Finished, type OwnedProcess, runToEnd, startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

/** Services of this machine that have no business here stay out: only what `basic.target` needs is started. */
const setUp = `
set -e
base=$1
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
cd "$base/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd 2>/dev/null || {
  umount sys/fs/cgroup/unified sys/fs/cgroup
  mount -t cgroup2 cgroup2 sys/fs/cgroup
}
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mkdir -p srv/files
cp "$base.files"/* srv/files/
rm -f etc/systemd/system/*.wants/* lib/systemd/system/sysinit.target.wants/*
rm -f usr/sbin/policy-rc.d
ip link set lo up
container=test exec chroot . /lib/systemd/systemd --unit=basic.target --log-target=null
`;

export type System = {
  /** Runs a command inside, as root. */
  run(command: string, ...args: readonly string[]): Promise<Finished>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `files` are found inside in /srv/files. */
export async function startSystem(files: readonly string[]): Promise<System> {
  const dir = openTempDir('systemd');
  mkdirSync(dir.file('base'));
  mkdirSync(dir.file('base.files'));
  for (const file of files) copyFileSync(file, join(dir.file('base.files'), basename(file)));
  const namespaces = ['--fork', '--mount', '--pid', '--ipc', '--uts', '--net', '--cgroup', '--kill-child'];
  const args = [...namespaces, 'sh', '-c', setUp, 'sh', dir.file('base')];
  const outer = await startProcess(requireCommand('unshare'), args, { name: 'systemd' });
  const close = async (): Promise<void> => {
    // Its first process ends with it, and with that one the namespaces.
    await outer.stop('SIGKILL');
    dir.remove();
  };
  try {
    const run = async (command: string, ...rest: readonly string[]): Promise<Finished> => {
      const inside = ['--target', String(firstProcess(outer)), '--all', '--root', '--wd=/', '--', command, ...rest];
      return runToEnd(requireCommand('nsenter'), inside, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    };
    // systemd says nothing on its standard output.
    await eventually(async () => (await run('systemctl', 'is-active', 'basic.target')).stdout.trim() === 'active', {
      what: 'basic.target',
    });
    return { run, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of `unshare`: its one child. */
function firstProcess({ pid }: OwnedProcess): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
