function __mesos_complete
    set -l line (commandline -cp | string collect)
    env COMP_LINE=$line COMP_POINT=(string length -- $line) mesos completion 2>/dev/null
end
for name in mesos mesos-execute mesos-ps mesos-cat mesos-head mesos-tail mesos-ls mesos-find mesos-events mesos-state mesos-resolve mesos-ssh mesos-scp mesos-config mesos-completion mesos-help
    complete -c $name -f -a '(__mesos_complete)'
end
