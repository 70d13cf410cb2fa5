"""What can be wrong with a source, in words for people. Frames carry the codes."""

from collections.abc import Mapping

from controlplane.base.messages import Sentence
from routing.samples.readings import Complaint, printable

FAULTS: Mapping[str, Sentence] = {
    "too long": Sentence("it sends too much: {value}"),
    "malformed": Sentence("a line is no sample: {value}"),
    "cut off": Sentence("its text ends in the middle of a line: {value}"),
    "not an exposition": Sentence("it sends no metrics in the Prometheus format: {value}. Check the address"),
    "nothing known": Sentence("it answers without any metric that this kind of source has. Check kind and address"),
    "unreachable": Sentence("it gives no answer: {value}"),
    "not a number": Sentence("{metric} of {subject} is {value}, which is no number"),
    "negative": Sentence("{metric} of {subject} is {value}; it cannot be below 0"),
    "out of range": Sentence("{metric} of {subject} is {value}, which cannot be"),
    "two values": Sentence("{metric} of {subject} is given twice with different values, here {value}; neither counts"),
    "two sources": Sentence("{subject} is told of by {value} as well; only what that source says counts"),
    "too many devices": Sentence("it tells of too many devices: {subject} and others are left out"),
    "no identity": Sentence("{metric} comes without the label that names its device"),
    "counter fell": Sentence("{metric} of {subject} fell to {value}: it counts from there"),
    "costly": Sentence("reading what it sends takes {value} each time, so it is asked more rarely"),
    "lost": Sentence("{subject} gives no answer: {value}"),
    "foreign device": Sentence("{subject} is not a device of this node, so its values are left out"),
    "clock off": Sentence("its clock is off by {value}"),
}


def sentence(complaint: Complaint) -> Sentence:
    """The complaint as a person reads it. A code that is not known here stays as it is."""
    words = FAULTS.get(complaint.fault) or Sentence("{fault}: {value}", fault=complaint.fault)
    subject = printable(complaint.subject) or Sentence("its model")
    return words.given(metric=printable(complaint.metric), subject=subject, value=printable(complaint.value[:200]))
