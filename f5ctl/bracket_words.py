"""The words by which a bracket in a text is known for a note, a sound cue or the label of a line. Tables alone.

English and Portuguese; f5ctl/brackets.py says what they mean.
"""

from __future__ import annotations

from typing import Final

from f5ctl.sentences import words

# Whole notes of editors and of encyclopaedias.
NOTES: Final = frozenset(
    {
        "sic",
        "citation needed",
        "clarification needed",
        "page needed",
        "better source needed",
        "when?",
        "who?",
        "where?",
        "which?",
        "why?",
        "by whom?",
        "according to whom?",
        "dubious",
        "dubious – discuss",
        "edit",
        "edit source",
        "failed verification",
        "dead link",
        "n.b",
        "carece de fontes",
        "carece de fontes?",
        "quando?",
        "quem?",
        "onde?",
        "editar",
        "editar código",
        "editar código-fonte",
    }
)
# What a line of a log or of notes begins with: words, though in capitals.
LABELS: Final = words(
    """
    alert attention aviso caution critical danger debug done draft erro error fail failed fatal fixme hint
    important info nb new nota note notice ok passed pass ps tip todo trace update urgent warn warning wip
    """
)
# Words that name a sound or a manner of speaking.
SOUNDS: Final = words(
    """
    applauding applauds applause bang bark barking barks beep beeping beeps birdsong blares blaring booing
    breath breathes breathing buzzing cackles chanting chants chatter cheering cheers chime chimes chirping
    chuckle chuckles chuckling clapping claps clattering clicking cough coughing coughs crash creaking
    creaks crosstalk crying doorbell drumroll echoing exhales explosion footsteps gasp gasping gasps giggle
    giggles giggling groan groaning groans growl growling growls grunt grunting grunts gulp gulps gunfire
    gunshot gunshots heartbeat hiccup hiccups honking honks howling humming hums inaudible indistinct
    inhales knocking knocks laugh laughing laughs laughter meowing meows moaning moans muffled mumbles
    mumbling murmuring music muttering mutters noise panting ringing rings roaring roars rumbles rumbling
    rustling scoffs screaming screams screech screeching shout shouting shouts sigh sighing sighs silence
    singing sings siren sirens sizzling slamming slams snarling snarls sneeze sneezes snickers sniff
    sniffles sniffling sniffs snores snoring sobbing sobs splashing static stuttering throat thud thuds
    thump thumping thunder ticking unclear unintelligible vocalizing wailing weeping weeps whimpering
    whimpers whisper whispering whispers whistles whistling whoosh yawn yawning yawns yelling
    aplauso aplausos barulho barulhos bate batem batidas bipe buzina buzinas campainha canta cantando choram
    chorando choro estrondo explosão gargalhada gargalhadas gemidos gritam gritando grito gritos inaudivel
    inaudível ininteligível latidos latindo miados murmura murmúrios musica música ofegante palmas passos
    pigarreia pigarro ri rindo risada risadas riso risos ronca rosnado rosnados ruído ruídos silencio
    silêncio sirene sirenes soluça soluçando soluços suspira suspirando suspiro suspiros sussurra
    sussurrando sussurros tiro tiros toca tosse tossindo trovão trovões vaias zumbido
    """
)
# A phrase that begins so goes on with what the writer says, and not with what is to be heard.
NO_CUE_BEGINS: Final = words(
    """
    a an the this that these those i he she it we you they my his her its our your their in on at of to for
    from and or but as is was are were be see not no if o os um uma este esta isto eu ele ela nós eles elas
    meu minha seu sua em no na de do da para por e ou mas que não se é era
    """
)
